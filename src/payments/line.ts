import type { Reader } from '../platform/db.ts'
import type { Acting } from './engine/ports.ts'
import { referenceOf } from './engine/reference.ts'
import { production } from './production.ts'
import { selectBatchInfo } from './sql/engine.ts'
import * as q from './sql/reviews.ts'

/** One attempt at a line, as far as it is known: its reference, when it began, and what the rail said. */
export type Attempt = {
  readonly attempt: number
  readonly reference: string
  readonly claimed_at: Date | undefined
  readonly events: readonly {
    readonly at: Date
    readonly what: string
    readonly said: Record<string, unknown>
  }[]
}

/** The story of a line: one entry for each attempt up to the present one. */
export async function attemptsOf(
  db: Reader,
  line: { readonly batch_id: bigint; readonly seq: number; readonly attempt: number },
): Promise<Attempt[]> {
  const [batch] = await selectBatchInfo(db, [line.batch_id])
  if (batch === undefined) return []
  const events = await q.selectEvidence(db, line.batch_id, line.seq)
  const claimed_at = await q.selectClaimedAt(db, line.batch_id, line.seq)
  return Array.from({ length: line.attempt }, (_, i) => ({
    attempt: i + 1,
    reference: referenceOf(batch.secret, line.seq, i + 1),
    claimed_at,
    events: events.filter((event) => event.attempt === i + 1),
  }))
}

/**
 * A rail's notification is a hint: it brings forward the question about a line that is already uncertain, at most
 * once per 30 seconds, and does nothing else (asking about a transfer that waits for acceptance destroys it).
 * Answers which line the rail's reference belongs to, if that is known.
 */
export async function hint(
  db: Reader,
  reference: string,
  { store }: Acting = production,
): Promise<{ batch_id: bigint; seq: number } | undefined> {
  await store.hintPursuit(db, reference)
  return store.selectByReference(db, reference)
}

/** The same hint for a line that is known by our own names. */
export async function hintLine(
  db: Reader,
  line: { readonly batch_id: bigint; readonly seq: number },
): Promise<void> {
  const reference = await q.selectUncertainReference(db, line.batch_id, line.seq)
  if (reference !== undefined) await q.hintPursuit(db, reference)
}
