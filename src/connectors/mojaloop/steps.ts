import type { Answer, Order, Said } from '../rail.ts'
import { isMojaloopCode } from './codes.ts'
import type { HttpAnswer } from './http.ts'
import { checkQuote } from './quote.ts'
import { asObject, bodyIn, errorIn, fulfils, informationIn, parseBody, readMoney, text } from './shape.ts'
import type { Json } from './shape.ts'
import { bareSaid, ofCode, readOwnRefusal, refused, refusedByHub, short, unsettled } from './verdict.ts'

/** Who holds the payee's account, and under what name the scheme knows us. */
export type FoundParty = { readonly kind: 'party'; readonly payee_fsp: string; readonly payer_fsp?: string }
/** A quote within the order, with the contract that the transfer must carry. */
export type GivenQuote = {
  readonly kind: 'quote'
  readonly cost: bigint
  readonly fee: bigint
  readonly ilp_packet: string
  readonly condition: string
}

/**
 * Reads GET /parties/{type}/{id}. The adapter reports a failure also as 200 with `errorInformation`, or with an empty
 * party. No money order was sent yet: what cannot be read is `unsent`.
 */
export function readParty(http: HttpAnswer, order: Order): FoundParty | Answer {
  const root = parseBody(http.body)
  const failure = readFailure(http, root, 'party', 'requestPartiesInformationState')
  if (failure) return failure
  const said = bareSaid(http.status, root)
  const holder = asObject(root?.['party'])
  const body = bodyIn(holder)
  const found = asObject(body?.['party']) ?? body
  const info = asObject(found?.['partyIdInfo'])
  const payee_fsp = text(info?.['fspId']) ?? text(found?.['fspId'])
  const empty =
    root && http.status === 200 && !info && Object.keys(found ?? {}).every((key) => key === 'headers')
  if (empty) return refused('PAYEE_NOT_FOUND', false, said)
  if (!info || !payee_fsp || http.status !== 200) return unreadable('party look-up', http, root, said)
  if (info['partyIdType'] !== order.payee.type) return refused('PAYEE_NOT_FOUND', false, said)
  const payer_fsp = text(asObject(holder?.['headers'])?.['fspiop-destination'])
  return { kind: 'party', payee_fsp, ...(payer_fsp === undefined ? {} : { payer_fsp }) }
}

/** SDK 18, once its Redis subscription is out of step (see `watch.ts`), was seen to answer with somebody else's quote. */
const ANOTHERS_QUOTE = 'the scheme adapter answered with the quote of another transfer: restart it'

/**
 * Whether a packet names another transaction than ours. It is opaque by contract, but the payee's side puts the
 * transaction into it (FSPIOP API, «ILP packet»: base64url JSON inside the packet's data); one that does not tell
 * passes.
 */
function isOfAnother(ilp_packet: string, transaction_id: string): boolean {
  const packet = Buffer.from(ilp_packet, 'base64url').toString('latin1')
  const data = /eyJ[\w-]+/.exec(packet)?.[0] ?? ''
  const told = `${packet} ${Buffer.from(data, 'base64url').toString('latin1')}`
  const named = /"transactionId"\s*:\s*"([^"]+)"/.exec(told)?.[1]
  return named !== undefined && named.toLowerCase() !== transaction_id
}

/** Reads POST /quotes, and holds the quote against the order. No money order was sent yet. */
export function readQuote(http: HttpAnswer, order: Order): GivenQuote | Answer {
  const root = parseBody(http.body)
  const failure = readFailure(http, root, 'quotes', 'requestQuotesInformationState')
  if (failure) return failure
  const said = bareSaid(http.status, root)
  const body = bodyIn(root?.['quotes'])
  const ilp_packet = text(body?.['ilpPacket'])
  const condition = text(body?.['condition'])
  const cost = readMoney(body?.['transferAmount'])
  if (http.status !== 200 || !ilp_packet || !condition || !cost) return unreadable('quote', http, root, said)
  if (isOfAnother(ilp_packet, order.reference)) return { kind: 'stop', because: ANOTHERS_QUOTE, said }
  const view = { payees: [], asked: undefined, cost, receives: readMoney(body?.['payeeReceiveAmount']) }
  const check = checkQuote(view, order, said)
  if (check.kind !== 'accepted') return check
  return { kind: 'quote', cost: order.amount + check.fee, fee: check.fee, ilp_packet, condition }
}

/**
 * Reads POST /simpleTransfers: 200 and COMPLETED whatever the payee said; the adapter does not check the fulfilment,
 * so COMMITTED counts only with one that opens our own condition.
 */
export function readSimpleTransfer(http: HttpAnswer, order: Order, quote: GivenQuote): Answer {
  const root = parseBody(http.body)
  if (http.status === 204 || http.status === 409 || http.status === 429) {
    return unsettled(`HTTP ${http.status}`, bareSaid(http.status, undefined))
  }
  const error = refusalIn(root, 'transfer', 'requestSimpleTransfersInformationState')
  const body = bodyIn(root?.['transfer'])
  const state = text(body?.['transferState'])
  const said = {
    ...bareSaid(http.status, root),
    ...error?.said,
    ...(state === undefined ? {} : { rail_state: state.slice(0, 40) }),
  }
  if (state === 'COMMITTED') return readProof(text(body?.['fulfilment']), order, quote, said)
  if (state === 'ABORTED') return refused('PAYEE_REJECTED', false, said)
  if (state !== undefined) return unsettled(`${state.slice(0, 40)} is not final`, said)
  if (error) return ofCode(error.code, true, said)
  return readOwnRefusal(http, root, said) ?? unsettled('the transfer’s outcome is not told', said)
}

function readProof(fulfilment: string | undefined, order: Order, quote: GivenQuote, said: Said): Answer {
  if (fulfilment === undefined || !fulfils(fulfilment, quote.condition)) {
    return unsettled('COMMITTED without a fulfilment that matches', said)
  }
  const { amount, currency, payee, reference } = order
  return { kind: 'paid', amount, fee: quote.fee, currency, payee, reference, fulfilment, said }
}

/** A failure of a look-up or a quote in the adapter's own shape; undefined when the answer may be a success. */
function readFailure(
  http: HttpAnswer,
  root: Json | undefined,
  subject: string,
  state_key: string,
): Answer | undefined {
  const said = bareSaid(http.status, root)
  const error = refusalIn(root, subject, state_key)
  if (error) return ofCode(error.code, false, { ...said, ...error.said })
  const own = readOwnRefusal(http, root, said)
  if (own) return own
  const message = text(root?.['message'])
  // The adapter's own error: it names its step's state, if only as {}; v18 says a bare «Timeout».
  const is_own = root !== undefined && (state_key in root || message === 'Timeout')
  if (http.status < 500 || message === undefined || !is_own) return undefined
  if (/^time-?out/i.test(message)) return refused('PAYEE_UNAVAILABLE', true, said)
  return refused('RAIL_ERROR', !refusedByHub(message), said)
}

type RefusalIn = { readonly code: string; readonly said: Said }

/** The hub's error, at the places where the adapter puts it: beside the subject, in its body, or in the step's state. */
function refusalIn(root: Json | undefined, subject: string, state_key: string): RefusalIn | undefined {
  const holder = asObject(root?.[subject])
  const information =
    informationIn(root) ?? informationIn(holder) ?? informationIn(bodyIn(holder)) ?? undefined
  const state = asObject(root?.[state_key])
  const error = errorIn(state?.['lastError'])
  const code = information?.['errorCode'] ?? error.code
  if (!isMojaloopCode(code)) return undefined
  const description = text(information?.['errorDescription']) ?? error.description
  return {
    code,
    said: { rail_code: code, ...(description === undefined ? {} : { message: short(description) }) },
  }
}

/**
 * The money order did not leave, so it may be sent later as it is; but where the adapter did its step and what it got
 * makes no sense, it would make none later.
 */
const unreadable = (step: string, http: HttpAnswer, root: Json | undefined, said: Said): Answer =>
  http.status === 200 && text(root?.['currentState']) === 'COMPLETED'
    ? refused('RAIL_ERROR', false, { ...said, message: `${step}: an answer that makes no sense` })
    : { kind: 'unsent', because: `${step}: no readable answer, nothing was ordered`, said }
