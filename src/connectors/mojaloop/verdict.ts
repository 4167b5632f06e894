import { maskNumbers } from '../../platform/log.ts'
import type { Answer, Order, RefusalReason, Said } from '../rail.ts'
import { meaningOf } from './codes.ts'
import type { HttpAnswer } from './http.ts'
import { asObject, fulfils, parseBody, text, viewOf } from './shape.ts'
import type { Json, TransferView, WireMoney } from './shape.ts'
import { wireIdentifier } from './wire.ts'

/** Which call was answered, and which transfer the answer must name (none where the adapter makes the id). */
export type Ask = { readonly phase: 'pay' | 'confirm' | 'find'; readonly transfer_id: string | undefined }

/** The adapter stopped before the money and waits for our word. */
export type Waiting = {
  readonly kind: 'waiting'
  readonly for: 'party' | 'quote' | 'conversion'
  readonly transfer_id: string
  readonly view: TransferView
  readonly said: Said
}
export type Verdict = Answer | Waiting

/** The adapter took our order and gave it an id of its own: it must not be used in one call. */
export const OWN_ID = 'the adapter made its own transferId instead of taking ours'
/** The adapter validates strictly and does not take our transferId. */
export const STRICT = 'the adapter does not take our transferId'

/**
 * Reads an answer to POST, PUT or GET /transfers. Pure; never throws. Paid: the hub says COMMITTED and the fulfilment
 * proves it. Refused: only in the adapter's own shape, about this transfer, definite. All else is unknown.
 */
export function readTransfer(http: HttpAnswer, order: Order, ask: Ask): Verdict {
  if (http.status === 204) return unknown('204: not executed, or not told', { http_status: 204 })
  if (http.status === 409 || http.status === 429) {
    return unknown(`HTTP ${http.status}`, { http_status: http.status })
  }
  const root = parseBody(http.body)
  const enclosed = asObject(root?.['transferState'])
  const state = enclosed ?? (root && text(root['currentState']) !== undefined ? root : undefined)
  if (!root || !state) return readBare(http, root, ask)
  const view = viewOf(state)
  const said = saidOf(http.status, view, root)
  const named = isNamed(view, order, ask)
  if (named !== true) return named === 'other' ? ownId(view, said) : unknown('about another transfer', said)
  return ask.phase === 'find'
    ? readFound(view, root, order, said)
    : readOutcome(view, enclosed !== undefined, order, said)
}

/** True, or why not: `other` is our order under an id that the adapter made. */
function isNamed(view: TransferView, order: Order, ask: Ask): true | 'other' | 'foreign' {
  if (ask.transfer_id === undefined) {
    return view.transfer_id !== undefined && view.home_reference === order.home_reference ? true : 'foreign'
  }
  if (view.transfer_id === ask.transfer_id) return true
  const ours =
    ask.phase === 'pay' && view.transfer_id !== undefined && view.home_reference === order.home_reference
  return ours ? 'other' : 'foreign'
}

const ownId = (view: TransferView, said: Said): Answer =>
  view.fulfil_state === 'COMMITTED' ? { kind: 'mismatch', because: OWN_ID, said } : unknown(OWN_ID, said)

/** The answer to a GET: only the hub's word on the transfer counts; `currentState` and an old error do not. */
function readFound(view: TransferView, root: Json, order: Order, said: Said): Answer {
  if (view.fulfil_state !== undefined) return readFulfil(view, false, order, said)
  if (root['statusCode'] === '3208') return { kind: 'not-found', said }
  return readFoundError(view, root, said) ?? unsettled('the rail does not tell the outcome', said)
}

/**
 * The hub may answer a query with the error that ended the transfer. It counts when it is the answer to this very
 * query (the message says so, and holds the code; the adapter also keeps old errors) and can be about nothing but the
 * transfer: it expired, or the payee's side refused it.
 */
function readFoundError(view: TransferView, root: Json, said: Said): Answer | undefined {
  const { code } = view.error
  const message = text(root['message']) ?? ''
  const is_final = code === '3303' || code?.startsWith('5') === true
  const is_fresh = message.includes('retrieving transfer') && code !== undefined && message.includes(code)
  return is_final && is_fresh ? ofCode(code, true, said) : undefined
}

function readOutcome(view: TransferView, is_error: boolean, order: Order, said: Said): Verdict {
  if (view.fulfil_state !== undefined) return readFulfil(view, is_error, order, said)
  switch (view.current_state) {
    case 'WAITING_FOR_PARTY_ACCEPTANCE':
      return is_error ? unknown('an error while waiting', said) : waiting('party', view, said)
    case 'WAITING_FOR_QUOTE_ACCEPTANCE':
      return is_error ? unknown('an error while waiting', said) : waiting('quote', view, said)
    case 'WAITING_FOR_CONVERSION_ACCEPTANCE':
      return is_error ? unknown('an error while waiting', said) : waiting('conversion', view, said)
    case 'ABORTED':
      return refused('QUOTE_REFUSED', false, said)
    case 'ERROR_OCCURRED':
      return readError(view, said)
    default:
      return view.current_state === 'COMPLETED'
        ? unsettled('COMPLETED without a word of the hub', said)
        : unknown('a state that is not known', said)
  }
}

function readFulfil(view: TransferView, is_error: boolean, order: Order, said: Said): Answer {
  switch (view.fulfil_state) {
    case 'COMMITTED':
      return readCommitted(view, is_error, order, said)
    case 'ABORTED':
      return readAborted(view, said)
    default:
      return unsettled(`${view.fulfil_state?.slice(0, 40)} is not final`, said)
  }
}

/** ABORTED is final whatever else is said; a code, where there is one, tells why. */
function readAborted(view: TransferView, said: Said): Answer {
  const meaning = view.error.code === undefined ? undefined : meaningOf(view.error.code, true)
  return meaning?.act === 'refuse'
    ? refused(meaning.reason, meaning.retryable, said)
    : refused('PAYEE_REJECTED', false, said)
}

function readCommitted(view: TransferView, is_error: boolean, order: Order, said: Said): Answer {
  const { fulfilment, condition } = view
  const provable = fulfilment !== undefined && condition !== undefined
  if (provable && !fulfils(fulfilment, condition)) {
    return unsettled('COMMITTED with a fulfilment that does not match', said)
  }
  if (is_error && !provable) return unsettled('COMMITTED inside an error', said)
  const because = difference(view, order)
  if (because !== undefined) return { kind: 'mismatch', because, said }
  const cost = view.cost?.amount
  return {
    kind: 'paid',
    amount: order.amount,
    fee: cost === undefined ? 0n : cost - order.amount,
    currency: order.currency,
    payee: view.payee_name === undefined ? order.payee : { ...order.payee, name: view.payee_name },
    reference: view.transfer_id ?? order.reference,
    ...(cost === undefined ? { fee_unknown: true } : {}),
    ...(fulfilment === undefined ? {} : { fulfilment }),
    said,
  }
}

/** How a transfer that was made differs from what was ordered; undefined when it does not. */
export function difference(
  view: Pick<TransferView, 'payees' | 'asked' | 'cost' | 'receives'>,
  order: Order,
): string | undefined {
  const identifier = wireIdentifier(order.payee)
  for (const payee of view.payees) {
    if (payee.type !== order.payee.type || payee.identifier !== identifier) return 'another payee'
  }
  for (const money of [view.asked, view.cost, view.receives]) {
    if (money && money.currency !== order.currency) return `another currency: ${money.currency.slice(0, 8)}`
    if (money && money.amount === undefined) return 'an amount that is not whole'
  }
  return (
    otherAmount('ordered', view.asked, order) ??
    otherAmount('received by the payee', view.receives, order) ??
    ((view.cost?.amount ?? order.amount) < order.amount ? `only ${view.cost?.amount} prepared` : undefined)
  )
}

const otherAmount = (what: string, money: WireMoney | undefined, order: Order): string | undefined =>
  money?.amount !== undefined && money.amount !== order.amount
    ? `${money.amount} ${what} instead of ${order.amount}`
    : undefined

/** ERROR_OCCURRED: definite when nothing can have been prepared, or when the hub itself refused the transfer. */
function readError(view: TransferView, said: Said): Answer {
  if (view.error.code !== undefined) return ofCode(view.error.code, view.may_be_prepared, said)
  if (view.may_be_prepared) return unsettled('an error after the quote', said)
  const code = said.rail_code
  if (code === '504' || said.http_status === 504) return refused('PAYEE_UNAVAILABLE', true, said)
  if (code !== undefined && /^\d{4}$/.test(code)) return ofCode(code, false, said)
  return refused('RAIL_ERROR', !refusedByHub(said.message ?? ''), said)
}

/** The hub refused a look-up or a quote at once: what it refuses with 4xx, it will refuse again. */
export const refusedByHub = (message: string): boolean => /status code 4\d\d/.test(message)

export function ofCode(code: string, prepared: boolean, said: Said): Answer {
  const meaning = meaningOf(code, prepared)
  switch (meaning.act) {
    case 'refuse':
      return refused(meaning.reason, meaning.retryable, said)
    case 'stop':
      return { kind: 'stop', because: meaning.because, ...(prepared ? { refused: true as const } : {}), said }
    case 'unsure':
      return unsettled(`${code} does not tell the outcome`, said)
  }
}

/** No transfer in the answer: the adapter's own validation error, or something in between. */
function readBare(http: HttpAnswer, root: Json | undefined, ask: Ask): Answer {
  const said = bareSaid(http.status, root)
  if (ask.phase === 'find' && root?.['statusCode'] === '3208') return { kind: 'not-found', said }
  const own = readOwnRefusal(http, root, said)
  if (own?.kind === 'refused' && ask.phase !== 'pay')
    return unknown('the adapter does not take our call', said)
  return own ?? unknown(root ? 'not in the shape of the rail' : 'not JSON', said)
}

/** What any call of ours may meet before it is executed: 401, 403, a wrong path, a body that does not validate. */
export function readOwnRefusal(http: HttpAnswer, root: Json | undefined, said: Said): Answer | undefined {
  if (http.status === 401 || http.status === 403) {
    return { kind: 'stop', because: `the adapter, or what stands before it, answers ${http.status}`, said }
  }
  const message = text(root?.['message'])
  // Exactly these two keys and a number: frameworks in between add `error`, or answer another way.
  const own = http.status === 400 && root?.['statusCode'] === 400 && Object.keys(root).length === 2
  if (!own || message === undefined) return undefined
  if (/additional propert/i.test(message)) return { kind: 'stop', because: STRICT, said }
  if (message.includes("Couldn't match path")) {
    return { kind: 'stop', because: 'the adapter does not know this path: is its address right?', said }
  }
  return refused('INVALID_ORDER', false, said)
}

export const unknown = (because: string, said: Said): Answer => ({ kind: 'unknown', because, said })
/** Not known either, but the adapter showed that the transfer does not wait for us: asking about it does no harm. */
export const unsettled = (because: string, said: Said): Answer => ({
  kind: 'unknown',
  because,
  prepared: true,
  said,
})
export const refused = (reason: RefusalReason, retryable: boolean, said: Said): Answer => ({
  kind: 'refused',
  reason,
  retryable,
  said,
})
const waiting = (what: Waiting['for'], view: TransferView, said: Said): Verdict =>
  view.transfer_id === undefined
    ? unknown('waiting without a transferId', said)
    : { kind: 'waiting', for: what, transfer_id: view.transfer_id, view, said }

const MAX_MESSAGE = 200
export const short = (message: string): string =>
  maskNumbers(message.slice(0, 2 * MAX_MESSAGE)).slice(0, MAX_MESSAGE)

function saidOf(status: number, view: TransferView, root: Json): Said {
  const code = view.error.code ?? text(root['statusCode'])
  const message = view.error.description ?? text(root['message'])
  const state = view.fulfil_state ?? view.current_state
  return {
    http_status: status,
    ...(code === undefined ? {} : { rail_code: code.slice(0, 8) }),
    ...(message === undefined ? {} : { message: short(message) }),
    ...(state === undefined ? {} : { rail_state: state.slice(0, 40) }),
  }
}

/** Only the words that the adapter's own errors carry: a page of something in between is not kept. */
export function bareSaid(status: number, root: Json | undefined): Said {
  const code = text(root?.['statusCode'])
  const message = text(root?.['message'])
  return {
    http_status: status,
    ...(code === undefined ? {} : { rail_code: code.slice(0, 8) }),
    ...(message === undefined ? {} : { message: short(message) }),
  }
}
