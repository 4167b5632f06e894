import { record } from '../../audit/index.ts'
import type { Credited, DeskRefusal, IncomingTransfer } from '../../connectors/index.ts'
import { post, systemAccount } from '../../ledger/index.ts'
import { crashPoint } from '../../platform/crash-point.ts'
import { brokenConstraint, type Db, type Reader, type Tx } from '../../platform/db.ts'
import { newId } from '../../platform/ids.ts'
import {
  answerTo,
  chooseAccount,
  digestOf,
  type IncomingRow,
  type PayeeAccount,
  type RefusedAs,
} from './incoming.ts'
import * as q from './sql.ts'

/**
 * When the payee is credited. AT_TRANSFER: at POST /transfers, as the adapter expects by default; if the hub gives up
 * after that (it expired, our answer was lost), the payee has the money all the same. AT_NOTIFICATION: reserved first,
 * credited when the hub says COMMITTED; it needs a hub and an adapter that notify (FSPIOP 1.1, RESERVE_NOTIFICATION).
 */
export type CreditMoment = 'AT_TRANSFER' | 'AT_NOTIFICATION'

/**
 * Takes a transfer in, once per transfer id, whatever repeats or races: the row, the ledger entry and the audit line
 * are one transaction. A repeat gets the answer of the first; other terms under a known id are MODIFIED_REQUEST. A
 * refusal is kept as well: the hub was told, so a repeat must not be credited.
 */
export async function takeIn(
  db: Db,
  transfer: IncomingTransfer,
  moment: CreditMoment,
): Promise<Credited | DeskRefusal> {
  try {
    return await take(db, transfer, moment)
  } catch (error) {
    // The balance would not fit JSON any more.
    if (brokenConstraint(error) !== 'ledger_accounts_json') throw error
    return take(db, transfer, moment, 'LIMIT')
  }
}

function take(
  db: Db,
  transfer: IncomingTransfer,
  moment: CreditMoment,
  refused?: RefusedAs,
): Promise<Credited | DeskRefusal> {
  const known = async (reader: Reader): Promise<Credited | DeskRefusal | undefined> => {
    const row = await q.selectIncoming(reader, transfer.transfer_id)
    return row && answerTo(row, transfer)
  }
  const work = async (tx: Tx): Promise<Credited | DeskRefusal> => {
    const answer = await known(tx)
    if (answer !== undefined) return answer
    const chosen = refused ?? (await choose(tx, transfer))
    const taken = await insert(tx, transfer, chosen, moment)
    crashPoint('incoming.booked')
    return taken ?? lost(await known(tx))
  }
  return db.tx(work, { reread: known })
}

const choose = async (tx: Tx, transfer: IncomingTransfer): Promise<PayeeAccount | RefusedAs> =>
  chooseAccount(await q.selectPayeeAccounts(tx, transfer.payee.type, transfer.payee.identifier), transfer)

/** Who lost the race to insert sees the winner's row: the insert has waited for its commit. */
function lost<T>(answer: T | undefined): T {
  if (answer === undefined) throw new Error('an incoming transfer is there and cannot be read')
  return answer
}

async function insert(
  tx: Tx,
  transfer: IncomingTransfer,
  chosen: PayeeAccount | RefusedAs,
  moment: CreditMoment,
): Promise<Credited | DeskRefusal | undefined> {
  const account = typeof chosen === 'string' ? undefined : chosen
  const refused_as = typeof chosen === 'string' ? chosen : null
  const taken = moment === 'AT_TRANSFER' ? 'COMMITTED' : 'RESERVED'
  const row: q.NewIncoming = {
    transfer,
    home_reference: newId('inc-'),
    digest: digestOf(transfer),
    account_id: account?.id ?? null,
    state: account === undefined ? 'ABORTED' : taken,
    refused_as,
  }
  if ((await q.insertIncoming(tx, row)) === 0) return undefined
  if (account !== undefined && taken === 'COMMITTED') await credit(tx, transfer, account)
  else await note(tx, transfer, account === undefined ? 'refused' : 'reserved', account, refused_as)
  if (refused_as !== null) return { refused: refused_as }
  return { home_reference: row.home_reference, state: taken }
}

type Money = Pick<IncomingRow, 'transfer_id' | 'amount' | 'currency'>

/** Books the money: from the rail's float to the payee's account. Ledger accounts come last in the order of locks. */
export async function credit(tx: Tx, money: Money, account: PayeeAccount): Promise<void> {
  await note(tx, money, 'credited', account)
  const { transfer_id, amount, currency } = money
  const reason = `incoming.credited:${transfer_id}`
  const lines = [
    { account: await systemAccount(tx, 'float:mojaloop', currency), amount: -amount },
    { account: account.ledger_account_id, amount },
  ]
  const posted = await post(tx, [{ reason, kind: 'incoming.credited', lines }])
  if (posted.size !== 1) throw new Error(`${reason} was posted before its transfer was taken in`)
}

/** The audit line of what became of a transfer; without the parties' numbers. */
export const note = (
  tx: Tx,
  { transfer_id, amount, currency }: Money,
  became: 'credited' | 'reserved' | 'refused' | 'aborted' | 'contradicted',
  account?: PayeeAccount,
  because: string | null = null,
): Promise<void> =>
  record(tx, {
    actor: 'mojaloop',
    action: `incoming.${became}`,
    subject: `incoming:${transfer_id}`,
    ...(account === undefined ? {} : { organization_id: account.organization_id }),
    detail: { amount: String(amount), currency, account_id: account?.account_id ?? null, because },
  })
