import type { z } from 'zod'
import { isCurrency } from '../../platform/money.ts'
import type { Currency } from '../../platform/money.ts'
import { partyTypes } from '../rail.ts'
import type { Party, PartyType } from '../rail.ts'
import { readMoney } from './shape.ts'
import * as schema from './backend-schema.ts'

/** Somebody who can be paid here. `name` is shown to the payer, so it is the name that the payee chose to show. */
export type PayeeParty = {
  readonly type: PartyType
  readonly identifier: string
  readonly name: string
  readonly currencies: readonly Currency[]
}
export type IncomingQuote = {
  readonly quote_id: string
  readonly transfer_id: string
  readonly payee: Party
  readonly payer: Party
  readonly amount: bigint
  readonly currency: Currency
}
/** What the payee would receive of the amount, and the fee that the payer would pay above it. */
export type QuotedPayee = { readonly receives: bigint; readonly fee: bigint; readonly expires_at: Date }
export type IncomingTransfer = {
  readonly transfer_id: string
  readonly payee: Party
  readonly payer: Party
  readonly amount: bigint
  readonly currency: Currency
  readonly note?: string
}
/** Our own id of the money that came in, and whether the payee has it already or only once the hub commits. */
export type Credited = { readonly home_reference: string; readonly state: 'RESERVED' | 'COMMITTED' }
export type TransferRecord = IncomingTransfer & {
  readonly home_reference: string
  readonly state: 'RECEIVED' | 'RESERVED' | 'COMMITTED' | 'ABORTED'
  readonly at: Date
}

/** Why the desk says no, in the words of the FSPIOP API. */
export const deskRefusals = {
  PARTY_NOT_FOUND: { status: 404, code: '3204', message: 'Party not found' },
  TRANSFER_NOT_FOUND: { status: 404, code: '3208', message: 'Transfer ID not found' },
  MODIFIED_REQUEST: { status: 400, code: '3106', message: 'Modified request' },
  EXPIRED: { status: 400, code: '3303', message: 'Transfer expired' },
  PAYEE_REJECTED: { status: 500, code: '5104', message: 'Payee rejected transaction' },
  CURRENCY: { status: 500, code: '5106', message: 'Payee unsupported currency' },
  LIMIT: { status: 500, code: '5200', message: 'Payee limit error' },
  BLOCKED: { status: 500, code: '5400', message: 'Payee FSP or payee is blocked' },
  MALFORMED: { status: 400, code: '3101', message: 'Malformed syntax' },
} as const
export type DeskRefusal = { readonly refused: keyof typeof deskRefusals }

/** Who keeps the payees' accounts. Every method may be called again with the same ids and must do the thing once. */
export type PayeeDesk = {
  readonly findParty: (type: PartyType, identifier: string) => Promise<PayeeParty | undefined>
  readonly quote: (quote: IncomingQuote) => Promise<QuotedPayee | DeskRefusal>
  /** Credits, or reserves until `conclude`, exactly once per transfer id; the same id with other terms: MODIFIED_REQUEST. */
  readonly reserveOrCredit: (transfer: IncomingTransfer) => Promise<Credited | DeskRefusal>
  /** The hub's last word on a transfer that was reserved. */
  readonly conclude: (transfer_id: string, state: 'COMMITTED' | 'ABORTED') => Promise<void | DeskRefusal>
  readonly findTransfer: (transfer_id: string) => Promise<TransferRecord | undefined>
}

export type BackendReply = { readonly status: number; readonly body?: object }
export type MojaloopBackend = {
  readonly getParty: (type: string, identifier: string) => Promise<BackendReply>
  readonly postQuoteRequest: (body: unknown) => Promise<BackendReply>
  readonly postTransfer: (body: unknown) => Promise<BackendReply>
  readonly putTransfer: (id: string, body: unknown) => Promise<BackendReply>
  readonly getTransfer: (id: string) => Promise<BackendReply>
}

/**
 * The payee side of the scheme adapter's backend API (v2.1.0), as bodies in and replies out: the protocol here, the
 * money at the desk. Amounts are whole francs on the wire too; anything else is refused as malformed.
 */
export function mojaloopBackend(desk: PayeeDesk): MojaloopBackend {
  return {
    getParty: async (type, identifier) => {
      const known = partyTypes.find((one) => one === type)
      const party = known && (await desk.findParty(known, identifier))
      return party ? { status: 200, body: transferParty(party) } : refuse('PARTY_NOT_FOUND')
    },
    postQuoteRequest: async (body) => {
      const request = parse(schema.quoteRequest, body)
      if (!request) return refuse('MALFORMED')
      const terms = readTerms(request)
      if ('refused' in terms) return refuse(terms.refused)
      const quote = { quote_id: request.quoteId, transfer_id: request.transactionId, ...terms }
      const answer = await desk.quote(quote)
      return 'refused' in answer
        ? refuse(answer.refused)
        : { status: 200, body: quoteResponse(quote, answer) }
    },
    postTransfer: async (body) => {
      const request = parse(schema.transferRequest, body)
      if (!request) return refuse('MALFORMED')
      const terms = readTerms(request)
      if ('refused' in terms) return refuse(terms.refused)
      const answer = await desk.reserveOrCredit({
        transfer_id: request.transferId,
        ...terms,
        ...noteOf(request),
      })
      return 'refused' in answer ? refuse(answer.refused) : { status: 200, body: transferResponse(answer) }
    },
    putTransfer: async (id, body) => {
      const notification = parse(schema.fulfilNotification, body)
      if (!notification) return refuse('MALFORMED')
      const state = concluded(notification)
      if (state === undefined) return { status: 200 }
      const answer = await desk.conclude(id, state)
      return answer ? refuse(answer.refused) : { status: 200 }
    },
    getTransfer: async (id) => {
      const record = await desk.findTransfer(id)
      return record ? { status: 200, body: transferDetails(record) } : refuse('TRANSFER_NOT_FOUND')
    },
  }
}

/** The adapter turns `statusCode` into the FSPIOP error of that code. */
export const refuse = (why: keyof typeof deskRefusals): BackendReply => ({
  status: deskRefusals[why].status,
  body: { statusCode: deskRefusals[why].code, message: deskRefusals[why].message },
})

function parse<T>(of: z.ZodType<T>, body: unknown): T | undefined {
  const result = of.safeParse(body)
  return result.success ? result.data : undefined
}

type Terms = Pick<IncomingTransfer, 'payee' | 'payer' | 'amount' | 'currency'>

function readTerms(request: schema.Terms): Terms | DeskRefusal {
  if (!isCurrency(request.currency)) return { refused: 'CURRENCY' }
  const amount = readMoney({ currency: request.currency, amount: request.amount })?.amount
  if (amount === undefined || amount <= 0n) return { refused: 'MALFORMED' }
  return { payee: partyOf(request.to), payer: partyOf(request.from), amount, currency: request.currency }
}

function partyOf(party: schema.TransferParty): Party {
  const name = party.displayName ?? [party.firstName, party.lastName].filter((part) => part).join(' ')
  return { type: party.idType, identifier: party.idValue, ...(name === '' ? {} : { name }) }
}

const noteOf = (request: { readonly note?: string | undefined }): { readonly note?: string } =>
  request.note ? { note: request.note } : {}

/** The hub's last word; `currentState` is the adapter's own, and only news. */
function concluded(notification: schema.FulfilNotification): 'COMMITTED' | 'ABORTED' | undefined {
  const state = notification.finalNotification?.transferState
  return state === 'COMMITTED' || state === 'ABORTED' ? state : undefined
}

const transferParty = (party: PayeeParty): object => ({
  type: 'CONSUMER',
  idType: party.type,
  idValue: party.identifier,
  displayName: party.name,
  supportedCurrencies: party.currencies,
})

const quoteResponse = (quote: IncomingQuote, answer: QuotedPayee): object => ({
  quoteId: quote.quote_id,
  transactionId: quote.transfer_id,
  transferAmount: (answer.receives + answer.fee).toString(),
  transferAmountCurrency: quote.currency,
  payeeReceiveAmount: answer.receives.toString(),
  payeeReceiveAmountCurrency: quote.currency,
  payeeFspFeeAmount: answer.fee.toString(),
  payeeFspFeeAmountCurrency: quote.currency,
  expiration: answer.expires_at.toISOString(),
})

const transferResponse = (answer: Credited): object => ({
  homeTransactionId: answer.home_reference,
  transferState: answer.state,
})

const transferDetails = (record: TransferRecord): object => ({
  homeTransactionId: record.home_reference,
  from: { idType: record.payer.type, idValue: record.payer.identifier },
  to: { idType: record.payee.type, idValue: record.payee.identifier },
  amountType: 'SEND',
  currency: record.currency,
  amount: record.amount.toString(),
  transferState: record.state,
  transactionType: 'TRANSFER',
  timestamp: record.at.toISOString(),
  ...noteOf(record),
})
