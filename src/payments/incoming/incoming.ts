import type { Credited, DeskRefusal, IncomingTransfer, TransferRecord } from '../../connectors/index.ts'
import { sha256 } from '../../platform/ids.ts'
import { MAX_AMOUNT, type Currency } from '../../platform/money.ts'
import type { PartyType } from '../../platform/party.ts'

/** A transfer that came in. RESERVED: accepted, no money has moved yet. COMMITTED and ABORTED are final. */
export type IncomingRow = {
  transfer_id: string
  home_reference: string
  account_id: bigint | null
  payee_type: PartyType
  payee_identifier: string
  payer_type: PartyType
  payer_identifier: string
  payer_name: string | null
  note: string | null
  amount: bigint
  currency: Currency
  state: 'RESERVED' | 'COMMITTED' | 'ABORTED'
  refused_as: RefusedAs | null
  digest: Buffer
  created_at: Date
  committed_at: Date | null
  aborted_at: Date | null
  contradicted_at: Date | null
}

/** An account that can be paid, as far as paying it needs to know. */
export type PayeeAccount = {
  id: bigint
  account_id: string
  organization_id: bigint
  currency: Currency
  ledger_account_id: bigint
}

/** Why a transfer is not taken, for good: the hub is told, and gives the payer's money back. */
export type RefusedAs = Extract<DeskRefusal['refused'], 'PARTY_NOT_FOUND' | 'CURRENCY' | 'LIMIT'>

/**
 * Which account a party and a currency mean. Never a guess: two accounts of that identifier and currency, or accounts
 * of two organisations, are nobody.
 */
export function chooseAccount(
  accounts: readonly PayeeAccount[],
  money: { readonly amount: bigint; readonly currency: Currency },
): PayeeAccount | RefusedAs {
  if (new Set(accounts.map((account) => account.organization_id)).size !== 1) return 'PARTY_NOT_FOUND'
  const [account, second] = accounts.filter(({ currency }) => currency === money.currency)
  if (account === undefined) return 'CURRENCY'
  if (second !== undefined) return 'PARTY_NOT_FOUND'
  return money.amount > MAX_AMOUNT ? 'LIMIT' : account
}

/** The currencies in which a party can be paid; none when it is nobody. */
export const currenciesOf = (accounts: readonly PayeeAccount[]): Currency[] => [
  ...new Set(
    accounts
      .map(({ currency }) => currency)
      .filter((currency) => typeof chooseAccount(accounts, { amount: 1n, currency }) === 'object'),
  ),
]

/** What makes a repeat «the same transfer»: who pays whom how much. Names and notes only describe. */
export const digestOf = ({ payee, payer, amount, currency }: IncomingTransfer): Buffer =>
  sha256(
    JSON.stringify([payee.type, payee.identifier, payer.type, payer.identifier, amount.toString(), currency]),
  )

/** The answer to a transfer that is known: the same for every repeat, unless the hub has spoken in between. */
export function answerTo(row: IncomingRow, transfer: IncomingTransfer): Credited | DeskRefusal {
  if (!row.digest.equals(digestOf(transfer))) return { refused: 'MODIFIED_REQUEST' }
  if (row.refused_as !== null) return { refused: row.refused_as }
  // It waited for the hub's word, and that was no: what is over cannot be reserved again.
  if (row.state === 'ABORTED') return { refused: 'EXPIRED' }
  return { home_reference: row.home_reference, state: row.state }
}

/** The row as the protocol part shows it. */
export const recordOf = (row: IncomingRow): TransferRecord => ({
  transfer_id: row.transfer_id,
  home_reference: row.home_reference,
  payee: { type: row.payee_type, identifier: row.payee_identifier },
  payer: {
    type: row.payer_type,
    identifier: row.payer_identifier,
    ...(row.payer_name === null ? {} : { name: row.payer_name }),
  },
  amount: row.amount,
  currency: row.currency,
  ...(row.note === null ? {} : { note: row.note }),
  state: row.state,
  at: row.committed_at ?? row.aborted_at ?? row.created_at,
})
