import { crashPoint } from '../platform/crash-point.ts'
import { brokenConstraint, type Reader, type Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import * as q from './sql/reviews.ts'
import type { Outcome } from './engine/outcome.ts'
import type { Acting } from './engine/ports.ts'
import { settle, type PurposeHandler } from './engine/settle.ts'
import { production } from './production.ts'

export type { ReviewRow } from './sql/reviews.ts'
export const listReviews = q.selectReviews

/** How many lines wait for people, by organisation; only those with some. */
export const countReviews = q.countReviews

/**
 * One person says how a line in REVIEW ended, with a document that shows it. Nothing moves until another person
 * confirms. Refuses REVIEW_NOT_FOUND, and REVIEW_WRONG_STATE once it was confirmed.
 */
export async function proposeReview(
  tx: Tx,
  proposal: Omit<q.Proposal, 'attempt'>,
  { store }: Acting = production,
): Promise<void> {
  const line = await store.lockReview(tx, proposal.batch_id, proposal.seq)
  if (line === undefined) throw new Refusal('REVIEW_NOT_FOUND')
  const written = await store.upsertProposal(tx, { ...proposal, attempt: line.attempt })
  if (written === 0) throw new Refusal('REVIEW_WRONG_STATE')
  await store.record(tx, {
    actor: proposal.by,
    action: 'review.proposed',
    subject: `line:${proposal.batch_id}:${proposal.seq}:${line.attempt}`,
    detail: { outcome: proposal.outcome, evidence: proposal.evidence_name },
  })
}

/** The document that was filed with the latest proposal. Refuses REVIEW_NOT_FOUND. */
export async function evidenceOf(
  db: Reader,
  line: { readonly batch_id: bigint; readonly seq: number },
): Promise<{ readonly name: string; readonly file: Buffer }> {
  const found = await q.selectEvidenceFile(db, line.batch_id, line.seq)
  if (found === undefined) throw new Refusal('REVIEW_NOT_FOUND')
  return found
}

/**
 * Another person confirms: the line becomes PAID or FAILED and its money moves, in this transaction. Refuses
 * REVIEW_SAME_PERSON, REVIEW_NOT_FOUND, and REVIEW_WRONG_STATE when nothing was proposed.
 */
export async function confirmReview(
  tx: Tx,
  line: { readonly batch_id: bigint; readonly seq: number },
  by: string,
  handlers: Readonly<Record<string, PurposeHandler>>,
  acting: Acting = production,
): Promise<'PAID' | 'REFUSED'> {
  const { store } = acting
  const [batch] = await store.selectBatchInfo(tx, [line.batch_id])
  if (batch === undefined) throw new Refusal('REVIEW_NOT_FOUND')
  const open = (await store.selectReviews(tx, line.batch_id, line.seq, 1))[0]
  if (open === undefined) throw new Refusal('REVIEW_NOT_FOUND')
  const { attempt } = open
  const confirmed = await store
    .confirmProposal(tx, line.batch_id, line.seq, attempt, by)
    .catch((error: unknown) => {
      throw brokenConstraint(error) === 'payments_reviews_two_people'
        ? new Refusal('REVIEW_SAME_PERSON')
        : error
    })
  if (confirmed === undefined) throw new Refusal('REVIEW_WRONG_STATE')

  const paid = confirmed.outcome === 'PAID'
  const message = `closed by ${confirmed.proposed_by} and ${by}`
  const outcome: Outcome = {
    ...line,
    attempt,
    word: paid ? 'PAID' : 'FAILED',
    pursued: true,
    said: { message },
    ...(paid ? {} : { code: 'REFUSED_AT_REVIEW', message }),
  }
  const changed = await settle(tx, {
    ...acting,
    connection_id: batch.connection_id,
    token: await store.currentToken(tx, batch.connection_id),
    outcomes: [outcome],
    done_ranges: [],
    batch: () => batch,
    handlers,
    by_people: true,
  })
  if (changed.length !== 1) throw new Refusal('REVIEW_WRONG_STATE')
  const subject = `line:${line.batch_id}:${line.seq}:${attempt}`
  await store.record(tx, {
    actor: by,
    action: 'review.confirmed',
    subject,
    detail: { outcome: confirmed.outcome },
  })
  crashPoint('review.confirmed')
  return confirmed.outcome
}
