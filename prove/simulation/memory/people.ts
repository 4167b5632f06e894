import type { LockedBatch } from '../../../src/payments/sql/batches.ts'
import type { Proposal, ReviewRow as OpenReview } from '../../../src/payments/sql/reviews.ts'
import type { Some } from './statements.ts'
import { checkViolation } from './errors.ts'
import {
  drop,
  followedBy,
  lineKey,
  patch,
  put,
  type BatchRow,
  type LineRow,
  type PursuitRow,
  type Tables,
} from './tables.ts'

const HINT_REST_MS = 30_000

/** src/payments/sql/batches.ts, reviews.ts and fees.ts: what people do to payments. `now` is `cauri_now()`. */
export function peopleStatements(
  tables: Tables,
  now: () => number,
): Some<
  | 'lockBatch'
  | 'cancelUnclaimed'
  | 'cancelRetries'
  | 'closeCursor'
  | 'setPaused'
  | 'setApproved'
  | 'lockReview'
  | 'selectReviews'
  | 'upsertProposal'
  | 'confirmProposal'
  | 'hintPursuit'
  | 'selectByReference'
  | 'insertFeeQuestion'
  | 'proposeAnswer'
  | 'confirmAnswer'
> {
  return {
    ...batchStatements(tables),
    ...cancelStatements(tables, now),
    ...reviewStatements(tables),
    ...referenceStatements(tables, now),
    ...feeStatements(tables),
  }
}

function batchOf(tables: Tables, id: bigint): BatchRow {
  const batch = tables.batches.get(id)
  if (batch === undefined) throw new Error('expected one row, got none')
  return batch
}

function batchStatements(tables: Tables) {
  return {
    lockBatch(id: bigint): LockedBatch {
      const b = batchOf(tables, id)
      const payer_ledger_id = tables.accounts.get(b.account_id)?.ledger_account_id ?? 0n
      const finished_at = b.finished_at === null ? null : new Date(b.finished_at)
      const { total, next_seq, open, cancelled_from, paused, fee_cap, hold_account_id, purpose } = b
      const money = { fee_cap, hold_account_id, payer_ledger_id, purpose, finished_at }
      return { id, total, next_seq, open, cancelled_from, paused, ...money }
    },
    setPaused(id: bigint, paused: boolean, reason: string | null): number {
      const b = tables.batches.get(id)
      if (b === undefined || b.paused === paused || b.finished_at !== null) return 0
      if (!paused && reason !== null)
        throw checkViolation('a reason without a pause', 'payments_batches_check')
      patch(tables, b, { paused, pause_reason: reason, version: b.version + 1n })
      return 1
    },
    setApproved(id: bigint): number {
      const b = tables.batches.get(id)
      if (b?.awaits_approval !== true) return 0
      patch(tables, b, { awaits_approval: false, open: true, version: b.version + 1n })
      return 1
    },
  }
}

function cancelStatements(tables: Tables, now: () => number) {
  const cancelLines = (lines: readonly LineRow[]): { n: bigint; sum: bigint } => {
    for (const line of lines)
      patch(tables, line, { state: 'CANCELLED', completed_at: now(), account_id: null, xmin: tables.xid })
    return { n: BigInt(lines.length), sum: lines.reduce((sum, line) => sum + line.amount, 0n) }
  }
  return {
    cancelUnclaimed(id: bigint, from: number): { n: bigint; sum: bigint } {
      const freed = [...tables.ranges.values()].filter((r) => r.batch_id === id && r.state === 'FREED')
      for (const range of freed) patch(tables, range, { state: 'DONE' })
      const isFree = (seq: number): boolean => freed.some((f) => seq >= f.from_seq && seq <= f.to_seq)
      return cancelLines(
        batchOf(tables, id).lines.filter(
          (line) => line.state === 'NEW' && (line.seq >= from || isFree(line.seq)),
        ),
      )
    },
    cancelRetries(id: bigint): { n: bigint; sum: bigint } {
      const waiting = [...tables.pursuits.values()].filter((p) => p.batch_id === id && p.state === 'RETRY')
      for (const { seq } of waiting) drop(tables, tables.pursuits, lineKey(id, seq))
      const { lines } = batchOf(tables, id)
      return cancelLines(
        waiting.flatMap(({ seq }) => lines[seq - 1] ?? []).filter((l) => l.state === 'RETRY'),
      )
    },
    closeCursor(id: bigint, cancelled: number): boolean {
      const b = batchOf(tables, id)
      const ended = b.completed + b.failed + b.cancelled + cancelled
      if (ended + b.uncertain > b.total)
        throw checkViolation('more lines than the batch has', 'payments_batches_check')
      patch(tables, b, {
        cancelled_from: b.cancelled_from ?? b.next_seq,
        open: false,
        cancelled: b.cancelled + cancelled,
        paused: false,
        pause_reason: null,
        awaits_approval: false,
        version: b.version + 1n,
        finished_at: ended === b.total ? now() : null,
      })
      return b.finished_at !== null
    },
  }
}

const reviewKey = (batch: bigint, seq: number, attempt: number): string => `${lineKey(batch, seq)}:${attempt}`

function reviewStatements(tables: Tables) {
  return {
    lockReview(batch: bigint, seq: number) {
      const p = tables.pursuits.get(lineKey(batch, seq))
      if (p?.state !== 'REVIEW') return undefined
      return { attempt: p.attempt, connection_id: p.connection_id, rail_reference: p.rail_reference }
    },
    selectReviews: (batch: bigint | null, seq: number | null, limit: number): OpenReview[] =>
      [...tables.pursuits.values()]
        .filter(
          (p) => p.state === 'REVIEW' && (batch ?? p.batch_id) === p.batch_id && (seq ?? p.seq) === p.seq,
        )
        .sort((a, b) => a.since - b.since || Number(a.id - b.id))
        .slice(0, limit)
        .map((p) => openReviewOf(tables, p)),
    upsertProposal(p: Proposal): number {
      const key = reviewKey(p.batch_id, p.seq, p.attempt)
      const known = tables.reviews.get(key)
      if (known !== undefined && known.confirmed_by !== null) return 0
      const { outcome, evidence_name, by } = p
      put(tables, tables.reviews, key, { outcome, evidence_name, proposed_by: by, confirmed_by: null })
      return 1
    },
    confirmProposal(batch: bigint, seq: number, attempt: number, by: string) {
      const row = tables.reviews.get(reviewKey(batch, seq, attempt))
      if (row === undefined || row.confirmed_by !== null) return undefined
      assertTwoPeople('payments_reviews_two_people', row.proposed_by, by)
      patch(tables, row, { confirmed_by: by })
      return { outcome: row.outcome, proposed_by: row.proposed_by }
    },
  }
}

/** A pursuit before people, with what is known of its line and of the proposal. */
function openReviewOf(tables: Tables, p: PursuitRow): OpenReview {
  const { batch_id, seq, attempt, because, rail_reference } = p
  const { batch, line } = followedBy(tables, p)
  const review = tables.reviews.get(reviewKey(batch_id, seq, attempt))
  return {
    batch_id,
    seq,
    attempt,
    transfer_id: line.transfer_id,
    amount: line.amount,
    currency: batch.currency,
    because,
    rail_reference,
    since: new Date(p.since),
    proposed_outcome: review?.outcome ?? null,
    proposed_by: review?.proposed_by ?? null,
    evidence_name: review?.evidence_name ?? null,
  }
}

/** What anybody may say who knows the rail's reference. */
function referenceStatements(tables: Tables, now: () => number) {
  return {
    hintPursuit(reference: string): number {
      const rows = [...tables.pursuits.values()].filter(
        (p) =>
          p.rail_reference === reference &&
          p.state === 'UNCERTAIN' &&
          (p.hinted_at === null || p.hinted_at < now() - HINT_REST_MS),
      )
      for (const p of rows)
        patch(tables, p, { next_at: Math.min(p.next_at ?? Infinity, now()), hinted_at: now() })
      return rows.length
    },
    selectByReference(reference: string): { batch_id: bigint; seq: number } | undefined {
      const rows = [...tables.pursuits.values()].filter((p) => p.rail_reference === reference)
      const last = rows.sort((a, b) => Number(b.id - a.id))[0]
      return last && { batch_id: last.batch_id, seq: last.seq }
    },
  }
}

function feeStatements(tables: Tables) {
  return {
    insertFeeQuestion(line: { batch_id: bigint; seq: number; attempt: number }, amount: bigint): number {
      const key = lineKey(line.batch_id, line.seq)
      if (tables.fee_questions.has(key)) return 0
      if (amount <= 0n)
        throw checkViolation('a question about nothing', 'payments_fee_questions_amount_check')
      const asked = { borne_by: null, proposed_by: null, confirmed_by: null }
      put(tables, tables.fee_questions, key, { attempt: line.attempt, amount, ...asked })
      return 1
    },
    proposeAnswer(line: { batch_id: bigint; seq: number }, borne_by: 'PAYER' | 'HOUSE', by: string): number {
      const row = tables.fee_questions.get(lineKey(line.batch_id, line.seq))
      if (row === undefined || row.confirmed_by !== null) return 0
      patch(tables, row, { borne_by, proposed_by: by })
      return 1
    },
    confirmAnswer(line: { batch_id: bigint; seq: number }, by: string) {
      const row = tables.fee_questions.get(lineKey(line.batch_id, line.seq))
      if (row === undefined || row.confirmed_by !== null || row.borne_by === null) return undefined
      assertTwoPeople('payments_fee_questions_two_people', row.proposed_by ?? '', by)
      patch(tables, row, { confirmed_by: by })
      return { borne_by: row.borne_by, amount: row.amount }
    },
  }
}

function assertTwoPeople(constraint: string, one: string, other: string): void {
  if (one.trim().toLowerCase() === other.trim().toLowerCase())
    throw checkViolation('one person cannot be two', constraint)
}
