import type { PayeeDesk } from '../../connectors/index.ts'
import { findOrganization } from '../../identity/index.ts'
import type { Ctx } from '../../platform/context.ts'
import { crashPoint } from '../../platform/crash-point.ts'
import { concludeIncoming } from './conclude.ts'
import { chooseAccount, currenciesOf, recordOf } from './incoming.ts'
import * as q from './sql.ts'
import { takeIn, type CreditMoment } from './take.ts'

/**
 * The payees' desk of a Mojaloop scheme adapter: our accounts, found by party type and identifier exactly as they are
 * stored, credited exactly once per transfer id. It takes no fee, and remembers no quote: what counts is the transfer.
 */
export function openPayeeDesk({ db, log, config }: Ctx, moment: CreditMoment): PayeeDesk {
  return {
    findParty: async (type, identifier) => {
      const accounts = await q.selectPayeeAccounts(db, type, identifier)
      const currencies = currenciesOf(accounts)
      const [account] = accounts
      if (account === undefined || currencies.length === 0) return undefined
      const organization = await findOrganization(db, account.organization_id)
      return { type, identifier, name: plainName(organization?.name ?? '') || account.account_id, currencies }
    },
    quote: async ({ payee, amount, currency }) => {
      const accounts = await q.selectPayeeAccounts(db, payee.type, payee.identifier)
      const chosen = chooseAccount(accounts, { amount, currency })
      if (typeof chosen === 'string') return { refused: chosen }
      return { receives: amount, fee: 0n, expires_at: await q.selectExpiry(db, config.MOJALOOP_EXPIRY_S) }
    },
    reserveOrCredit: async (transfer) => {
      const answer = await takeIn(db, transfer, moment)
      crashPoint('incoming.committed')
      const { transfer_id } = transfer
      if ('refused' in answer) log.warn({ transfer_id, because: answer.refused }, 'incoming transfer refused')
      else log.info({ transfer_id, state: answer.state }, 'incoming transfer taken')
      return answer
    },
    conclude: async (transfer_id, word) => {
      const concluded = await concludeIncoming(db, transfer_id, word)
      if (concluded === 'done') return undefined
      if (concluded !== 'contradicted') return concluded
      log.error({ transfer_id, word }, 'the hub contradicts an incoming transfer that is final here')
      return { refused: 'MODIFIED_REQUEST' }
    },
    findTransfer: async (transfer_id) => {
      const row = await q.selectIncoming(db, transfer_id)
      return row && recordOf(row)
    },
  }
}

/** Hubs check names against `[\w .,'-]{1,128}` of ASCII (FSPIOP, PartyName): accents go, other signs are spaces. */
const plainName = (name: string): string =>
  name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/’/g, "'")
    .replace(/[^\w .,'-]+/g, ' ')
    .trim()
    .slice(0, 128)
