import { setTimeout as pause } from 'node:timers/promises'
import { openPace } from '../pace.ts'
import type { Answer, Order, Party, PayoutRail, Said } from '../rail.ts'
import { meaningOfFailure, meanings, type Meaning } from './codes.ts'
import { openMtnHttp, saidOf, type HttpAnswer, type MtnHttp, type MtnHttpOptions } from './http.ts'
import { cleanNote } from './note.ts'
import { amountOf, readPayment, text, type Payment } from './shape.ts'

export type MtnPayoutsOptions = Omit<MtnHttpOptions, 'product'> & {
  /** Pauses before each question that follows an order at once; what is not final then is asked about later. */
  readonly follow_delays_ms: readonly number[]
  /** MTN answers ten questions a second and refuses more. 0: no limit. */
  readonly questions_per_s: number
}

/** In MTN's own sandbox there are only euros. */
const SANDBOX_CURRENCY = 'EUR'

const refusedAs = (reason: 'INVALID_ORDER', message: string): Answer => ({
  kind: 'refused',
  reason,
  retryable: false,
  said: { message },
})
const unknown = (because: string, said: Said): Answer => ({ kind: 'unknown', because, prepared: true, said })

/**
 * Pays through MTN MoMo's disbursements: `transfer` under our reference, of which MTN makes one payment however often it comes
 * (409 afterwards), then questions until it says how it ended. 202 is no outcome, and neither is any failure of the call.
 */
export function openMtnPayouts(options: MtnPayoutsOptions): PayoutRail {
  const http = openMtnHttp({ ...options, product: 'disbursement' })
  const pace = openPace(options.questions_per_s)
  const wireCurrency = (currency: string): string =>
    options.target_environment === 'sandbox' ? SANDBOX_CURRENCY : currency
  const find = async (order: Order, reference: string): Promise<Answer> => {
    const wait_ms = pace.wait_ms()
    if (wait_ms > 0) await pause(wait_ms)
    const reply = await http.call('GET', `/v1_0/transfer/${encodeURIComponent(reference)}`)
    if (reply.kind !== 'answer') return reply
    return readStatus(reply, { order, reference, currency: wireCurrency(order.currency) })
  }
  const follow = async (order: Order, said: Said): Promise<Answer> => {
    let last: Answer = unknown('accepted; not ended yet', said)
    for (const delay_ms of options.follow_delays_ms) {
      await pause(delay_ms)
      const seen = await find(order, order.reference)
      // MTN may not find yet what it has accepted.
      if (seen.kind === 'not-found' || seen.kind === 'unsent') continue
      if (seen.kind !== 'unknown') return seen
      last = seen
    }
    return last
  }
  return {
    name: 'mtn-momo',
    probe: async () => {
      await assertReachable(http)
      return { deduplicates: true, makes_reference: false, mode: 'one-call' }
    },
    pay: async (order, mayMove = () => true) => {
      const body = transferBody(order, wireCurrency(order.currency))
      if (typeof body === 'string') return refusedAs('INVALID_ORDER', body)
      if (!mayMove()) return { kind: 'unsent', because: 'the lease was over before the order', said: {} }
      const reply = await http.call('POST', '/v1_0/transfer', { reference: order.reference, body })
      if (reply.kind !== 'answer') return reply
      const said = saidOf(reply)
      if (reply.status === 202 || reply.status === 409) return follow(order, said)
      return declined(reply, () => find(order, order.reference))
    },
    confirm: async () => unknown('MTN waits for no word of ours', {}),
    find,
    close: http.close,
  }
}

/** Throws when MTN does not answer, or not to us. */
async function assertReachable(http: MtnHttp): Promise<void> {
  const reply = await http.call('GET', '/v1_0/account/balance')
  if (reply.kind !== 'answer') throw new Error(`mtn-momo: ${reply.because}`)
  if (reply.status !== 200) throw new Error(`mtn-momo: the balance is answered with HTTP ${reply.status}`)
}

type Transfer = Readonly<
  Record<'amount' | 'currency' | 'externalId' | 'payerMessage' | 'payeeNote', string>
> & {
  readonly payee: { readonly partyIdType: string; readonly partyId: string }
}

const partyOf = ({ type, identifier }: Party): Transfer['payee'] | undefined => {
  const digits = identifier.replace(/^\+/, '')
  if (type === 'MSISDN' && /^\d{6,15}$/.test(digits)) return { partyIdType: 'MSISDN', partyId: digits }
  return type === 'EMAIL' ? { partyIdType: 'EMAIL', partyId: identifier } : undefined
}

/** What is sent, or in a sentence why MTN could not take it. */
function transferBody(order: Order, currency: string): Transfer | string {
  const payee = partyOf(order.payee)
  if (payee === undefined) return `MTN MoMo pays phones and e-mail addresses, not ${order.payee.type}`
  const note = cleanNote(order.note ?? '')
  return {
    amount: String(order.amount),
    currency,
    externalId: order.home_reference,
    payee,
    payerMessage: note,
    payeeNote: note,
  }
}

/**
 * The order was not taken, so it seems. Whether an earlier sending of it was, the reference tells; only where MTN knows
 * nothing of it does its word count.
 */
async function declined(reply: HttpAnswer, find: () => Promise<Answer>): Promise<Answer> {
  const said = saidOf(reply)
  const { status } = reply
  if (status === 401 || status === 403)
    return { kind: 'stop', because: `MTN does not let us in (${status})`, said }
  const there = await find()
  if (there.kind !== 'not-found')
    return there.kind === 'unsent' || there.kind === 'stop' ? unknown(`HTTP ${status}`, said) : there
  if (status === 404) return { kind: 'stop', because: 'MTN has no such path: check the address (404)', said }
  if (status === 400) return { kind: 'refused', reason: 'INVALID_ORDER', retryable: false, said }
  const meaning = meanings[text(reply.json?.['code']) ?? '']
  if (meaning?.act === 'stop') return { kind: 'stop', because: meaning.because, said }
  return unknown(`HTTP ${status}`, said)
}

type Asked = { readonly order: Order; readonly reference: string; readonly currency: string }

/** Reads the answer to a question about a payment. */
export function readStatus(reply: HttpAnswer, asked: Asked): Answer {
  const said = saidOf(reply)
  if (reply.status === 404 && reply.json !== undefined) return { kind: 'not-found', said }
  if (reply.status === 401 || reply.status === 403)
    return { kind: 'stop', because: `MTN does not let us in (${reply.status})`, said }
  const payment = reply.status === 200 ? readPayment(reply.json, 'payee') : undefined
  if (payment === undefined) return unknown(`an answer that says nothing (HTTP ${reply.status})`, said)
  const evidence = {
    ...said,
    rail_state: payment.status,
    ...(payment.reason === undefined ? {} : { rail_code: payment.reason }),
  }
  switch (payment.status) {
    case 'SUCCESSFUL':
      return paid(payment, asked, evidence)
    case 'FAILED':
      return failed(meaningOfFailure(payment.reason), evidence)
    default:
      return unknown(`MTN says ${payment.status}`, evidence)
  }
}

function failed(meaning: Meaning, said: Said): Answer {
  switch (meaning.act) {
    case 'refuse':
      return { kind: 'refused', reason: meaning.reason, retryable: meaning.retryable, said }
    case 'stop':
      return { kind: 'stop', because: meaning.because, refused: true, said }
    default:
      return unknown('MTN names another payment under this reference', said)
  }
}

/** Money moved. What was not ordered is for people to look at. */
function paid(payment: Payment, { order, reference, currency }: Asked, said: Said): Answer {
  const amount = amountOf(payment.amount)
  const wanted = partyOf(order.payee)
  const wrong = [
    ...(amount === order.amount ? [] : [`the amount ${text(String(payment.amount))}`]),
    ...(payment.currency === currency ? [] : [`the currency ${text(String(payment.currency))}`]),
    ...(payment.party?.['partyId'] === wanted?.partyId ? [] : ['another payee']),
  ]
  if (wrong.length > 0) return { kind: 'mismatch', because: `MTN paid ${wrong.join(', ')}`, said }
  return {
    kind: 'paid',
    amount: order.amount,
    fee: 0n,
    fee_unknown: true, // MTN's statement says what it took
    currency: order.currency,
    payee: order.payee,
    reference,
    ...(payment.transaction === undefined ? {} : { fulfilment: payment.transaction }),
    said,
  }
}
