import { unreachable } from '../../platform/errors.ts'
import type { Answer } from '../../connectors/index.ts'
import type { DueRow } from '../sql/drive.ts'
import { queryDelay, type ConnectionSettings } from './connection.ts'
import { readAnswer, refusal, type Outcome, type Sent } from './outcome.ts'

/** What to do with an uncertain line after the rail was asked about it. */
export type Step =
  | { readonly kind: 'settle'; readonly outcome: Outcome }
  | {
      readonly kind: 'ask-again'
      readonly after_ms: number
      readonly not_found: number
      readonly because: string
    }
  /** Send the very same order again, under the same reference. */
  | { readonly kind: 'resend' }

export type Habits = { readonly deduplicates: boolean; readonly makes_reference: boolean }

/**
 * Reads the answer to a question. «Not found» frees no money and fails nothing: after the rail's own delay and a
 * second question, the same order goes again under the same reference where the rail deduplicates by it; elsewhere,
 * and in a cancelled batch, people look at it.
 */
export function nextStep(
  settings: ConnectionSettings,
  habits: Habits,
  due: DueRow,
  sent: Sent,
  answer: Exclude<Answer, { kind: 'unsent' | 'stop' }>,
): Step {
  const again = (because: string, not_found: number): Step =>
    due.since_ms >= settings.review_after_ms
      ? review(sent, answer, `${because}; nothing certain for too long`)
      : { kind: 'ask-again', after_ms: queryDelay(settings, due.tries), not_found, because }

  switch (answer.kind) {
    case 'paid':
    case 'mismatch':
      return { kind: 'settle', outcome: readAnswer(settings, { ...sent, resent: false }, answer) }
    case 'refused':
      // The rail's own record of this reference: there is one, and it is a refusal.
      return { kind: 'settle', outcome: refusal(settings, sent, answer) }
    case 'not-found':
      return notFound(settings, habits, due, sent, answer) ?? again('not found', due.not_found + 1)
    case 'unknown':
      return again(answer.because, due.not_found)
    case 'quoted':
      return again('waits for acceptance', due.not_found)
    default:
      return unreachable(answer)
  }
}

function notFound(
  settings: ConnectionSettings,
  habits: Habits,
  due: DueRow,
  sent: Sent,
  answer: Extract<Answer, { kind: 'not-found' }>,
): Step | undefined {
  if (due.refused_as !== null) {
    const said = { ...answer.said, message: `refused (${due.refused_as}) after a resend, and not found` }
    const outcome: Outcome = {
      ...idOf(sent),
      word: 'FAILED',
      code: due.refused_as,
      message: said.message,
      said,
    }
    return { kind: 'settle', outcome }
  }
  const waited = due.sent_ms >= settings.not_found_after_ms
  if (!waited)
    return {
      kind: 'ask-again',
      after_ms: Math.max(settings.not_found_after_ms - due.sent_ms, queryDelay(settings, 0)),
      not_found: due.not_found + 1,
      because: 'not found, too early to mean anything',
    }
  if (due.not_found === 0)
    return {
      kind: 'ask-again',
      after_ms: Math.min(queryDelay(settings, 0), settings.not_found_after_ms),
      not_found: 1,
      because: 'not found; asked a second time',
    }
  if (habits.makes_reference || !habits.deduplicates)
    return review(sent, answer, 'the rail does not know its own reference; it is never sent again by itself')
  if (due.cancelled)
    return review(sent, answer, 'not found, and the batch is cancelled: nothing is sent again')
  if (due.paused || due.since_ms >= settings.review_after_ms) return undefined
  return { kind: 'resend' }
}

const idOf = ({
  batch_id,
  seq,
  attempt,
}: Sent): Pick<Outcome, 'batch_id' | 'seq' | 'attempt' | 'pursued'> => ({
  batch_id,
  seq,
  attempt,
  pursued: true,
})

function review(sent: Sent, answer: Answer, because: string): Step {
  const pursuit = { rail_reference: sent.rail_reference, after_ms: 0, because }
  return {
    kind: 'settle',
    outcome: { ...idOf(sent), word: 'REVIEW', code: 'REVIEW', message: because, pursuit, said: answer.said },
  }
}
