import { unreachable } from '../../platform/errors.ts'
import type { Answer, Order, Said } from '../../connectors/index.ts'
import { firstQueryDelay, type ConnectionSettings } from './connection.ts'

export type OutcomeWord = 'PAID' | 'FAILED' | 'RETRY' | 'UNCERTAIN' | 'REVIEW' | 'QUOTED'

/** How a line is followed after it left the straight path. */
export type Pursuit = {
  readonly rail_reference: string
  /** Milliseconds until it is looked at again; none for REVIEW. */
  readonly after_ms: number
  readonly because?: string
  /** A refusal that counts only after one more «not found». */
  readonly refused_as?: string
}

/** What an answer means for one line at one attempt: the input of a settled set. */
export type Outcome = {
  readonly batch_id: bigint
  readonly seq: number
  readonly attempt: number
  readonly word: OutcomeWord
  readonly fee?: bigint
  readonly code?: string
  readonly message?: string
  readonly fulfilment?: string
  readonly name?: string
  readonly pursuit?: Pursuit
  /** True when the line has a row in payments_pursuits that may have to go. */
  readonly pursued: boolean
  readonly said?: Said
}

export type Sent = {
  readonly batch_id: bigint
  readonly seq: number
  readonly attempt: number
  readonly order: Order
  /** The reference to ask about: ours, or the rail's where it makes it. */
  readonly rail_reference: string
  readonly pursued: boolean
  /** True when this attempt was sent before: an earlier call may still be under way. */
  readonly resent: boolean
}

/**
 * Reads what an answer to a payment (first call, resend or acceptance) means for its line. Nothing but a refusal of the
 * rail itself ends in FAILED or in a new attempt; whatever is not known is UNCERTAIN.
 */
export function readAnswer(
  settings: ConnectionSettings,
  sent: Sent,
  answer: Exclude<Answer, { kind: 'unsent' | 'stop' }>,
): Outcome {
  const { batch_id, seq, attempt, pursued, rail_reference } = sent
  const base = { batch_id, seq, attempt, pursued, said: answer.said }
  const uncertain = (after_ms: number, because: string, refused_as?: string): Outcome => ({
    ...base,
    word: 'UNCERTAIN',
    pursuit: { rail_reference, after_ms, because, ...(refused_as === undefined ? {} : { refused_as }) },
  })
  const review = (because: string): Outcome => ({
    ...base,
    word: 'REVIEW',
    code: 'REVIEW',
    message: because,
    pursuit: { rail_reference, after_ms: 0, because },
  })
  switch (answer.kind) {
    case 'paid': {
      const difference = differenceOf(sent.order, answer)
      return difference === undefined ? paid(sent, answer) : review(difference)
    }
    case 'refused':
      return sent.resent
        ? uncertain(firstQueryDelay(settings, true), 'refused after a resend; asked once more', answer.reason)
        : refusal(settings, sent, answer)
    case 'mismatch':
      return review(answer.because)
    case 'quoted': {
      const after_ms = settings.expiry_ms + settings.timeout_ms
      return { ...base, word: 'QUOTED', pursuit: { rail_reference: answer.rail_reference, after_ms } }
    }
    case 'unknown':
      return uncertain(firstQueryDelay(settings, answer.prepared === true), answer.because)
    case 'not-found':
      return uncertain(firstQueryDelay(settings, false), 'not found, to an order: no answer')
    default:
      return unreachable(answer)
  }
}

const paid = (sent: Sent, answer: Extract<Answer, { kind: 'paid' }>): Outcome => ({
  batch_id: sent.batch_id,
  seq: sent.seq,
  attempt: sent.attempt,
  pursued: sent.pursued,
  said: answer.said,
  word: 'PAID',
  fee: answer.fee,
  ...(answer.fulfilment === undefined ? {} : { fulfilment: answer.fulfilment }),
  ...(answer.payee.name === undefined ? {} : { name: answer.payee.name }),
})

/** A refusal by the rail for this very reference: a new attempt when it may pass, else the end. */
export function refusal(
  settings: ConnectionSettings,
  sent: Sent,
  answer: Extract<Answer, { kind: 'refused' }>,
): Outcome {
  const { batch_id, seq, attempt, pursued } = sent
  const delay = answer.retryable ? settings.retry_delays_ms[attempt - 1] : undefined
  const base = {
    batch_id,
    seq,
    attempt,
    pursued,
    code: answer.reason,
    message: answer.said.message ?? answer.reason,
    said: answer.said,
  }
  if (delay === undefined) return { ...base, word: 'FAILED' }
  return { ...base, word: 'RETRY', pursuit: { rail_reference: '', after_ms: delay, because: answer.reason } }
}

/**
 * The rail refused this reference because of us, and will refuse it for ever: a new attempt, once the connection goes
 * on. After a resend the refusal counts only with one more «not found».
 */
export function newAttempt(
  settings: ConnectionSettings,
  sent: Sent,
  answer: Extract<Answer, { kind: 'stop' }>,
): Outcome {
  const { batch_id, seq, attempt, pursued } = sent
  const base = {
    batch_id,
    seq,
    attempt,
    pursued,
    code: 'RAIL_STOPPED',
    message: answer.because,
    said: answer.said,
  }
  const after_ms = settings.stop_ms
  if (!sent.resent)
    return { ...base, word: 'RETRY', pursuit: { rail_reference: '', after_ms, because: answer.because } }
  const pursuit = {
    rail_reference: sent.rail_reference,
    after_ms,
    because: answer.because,
    refused_as: 'RAIL_STOPPED',
  }
  return { ...base, word: 'UNCERTAIN', pursuit }
}

/** What differs between what was ordered and what the rail says it paid; the rail's word is input like any other. */
function differenceOf(order: Order, paid: Extract<Answer, { kind: 'paid' }>): string | undefined {
  if (paid.currency !== order.currency) return `paid in ${paid.currency}, ordered in ${order.currency}`
  if (paid.amount !== order.amount) return `paid ${paid.amount}, ordered ${order.amount}`
  if (paid.fee < 0n) return `a fee below zero: ${paid.fee}`
  if (paid.payee.identifier !== order.payee.identifier || paid.payee.type !== order.payee.type)
    return 'paid to another party than ordered'
  return undefined
}
