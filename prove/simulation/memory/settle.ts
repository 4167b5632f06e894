import type { Outcome, OutcomeWord } from '../../../src/payments/engine/outcome.ts'
import type { SettledRow } from '../../../src/payments/sql/engine.ts'
import { checkViolation } from './errors.ts'
import { patch, type BatchRow, type LineRow, type LineState, type Tables } from './tables.ts'

/** What a set says of one line; in a cancelled batch a retry is the end. */
type Said = {
  readonly outcome: Outcome
  readonly word: OutcomeWord
  readonly line: LineRow
  readonly batch: BatchRow
}

/** migrations/0006_payments.sql: `payments_settle`, statement by statement. */
export function settleLines(
  tables: Tables,
  now: number,
  connection: string,
  token: bigint,
  set: readonly Outcome[],
  by_people: boolean,
): SettledRow[] {
  const current = tables.connections.get(connection)?.token === token
  const said: Said[] = []
  for (const outcome of set) {
    const batch = tables.batches.get(outcome.batch_id)
    const line = batch?.lines[outcome.seq - 1]
    if (batch === undefined || line === undefined) continue
    const gone = batch.cancelled_from !== null
    said.push({ outcome, word: gone && outcome.word === 'RETRY' ? 'FAILED' : outcome.word, line, batch })
  }
  const changed: SettledRow[] = []
  for (const pass of [false, true]) {
    if (changed.length === set.length) break
    const moved = said.filter((one) => moves(tables, one, pass, current, by_people))
    for (const one of moved) move(tables, now, one)
    for (const [batch, ones] of Map.groupBy(moved, (one) => one.batch)) {
      count(tables, now, batch, ones, pass)
      for (const { outcome, word, line } of ones)
        changed.push({
          batch_id: batch.id,
          seq: line.seq,
          attempt: outcome.attempt,
          outcome: word,
          was_uncertain: pass,
          amount: line.amount,
          fee: line.fee,
          finished: batch.finished_at !== null,
        })
    }
  }
  if (changed.length === set.length) return changed
  for (const { outcome, word, line } of said) {
    const otherwise =
      line.attempt !== outcome.attempt || line.state === 'FAILED' || line.state === 'CANCELLED'
    if (word === 'PAID' && otherwise)
      changed.push({
        batch_id: line.batch_id,
        seq: line.seq,
        attempt: outcome.attempt,
        outcome: 'LATE',
        was_uncertain: line.state === 'UNCERTAIN' || line.state === 'REVIEW',
        amount: line.amount,
        fee: outcome.fee ?? 0n,
        finished: false,
      })
  }
  return changed
}

function moves(
  tables: Tables,
  { outcome, word, line }: Said,
  pass: boolean,
  current: boolean,
  by_people: boolean,
): boolean {
  if (line.attempt !== outcome.attempt || !(word === 'PAID' || current)) return false
  if (!pass) return line.state === 'NEW' || line.state === 'RETRY'
  if (line.xmin === tables.xid || word === 'QUOTED') return false
  return line.state === 'UNCERTAIN' || (line.state === 'REVIEW' && (word === 'PAID' || by_people))
}

function move(tables: Tables, now: number, { outcome, word, line }: Said): void {
  const fee = outcome.fee ?? 0n
  if (fee < 0n) throw checkViolation('a fee below zero', 'payments_lines_fee_check')
  const is_paid = word === 'PAID'
  patch(tables, line, {
    state: word === 'QUOTED' ? line.state : (word as LineState),
    attempt: word === 'RETRY' ? line.attempt + 1 : line.attempt,
    account_id: word === 'FAILED' ? null : line.account_id,
    completed_at: is_paid || word === 'FAILED' ? now : null,
    fee,
    error_code: is_paid ? null : (outcome.code ?? null),
    error_message: is_paid ? null : (outcome.message?.slice(0, 500) ?? null),
    fulfilment: outcome.fulfilment ?? null,
    payee_name: line.payee_name ?? outcome.name ?? null,
    xmin: tables.xid,
  })
}

function count(tables: Tables, now: number, batch: BatchRow, moved: readonly Said[], pass: boolean): void {
  const paid = moved.filter((one) => one.word === 'PAID')
  const failed = moved.filter((one) => one.word === 'FAILED').length
  const uncertain = moved.filter((one) => one.word === 'UNCERTAIN' || one.word === 'REVIEW').length
  const change = {
    completed: batch.completed + paid.length,
    failed: batch.failed + failed,
    uncertain: batch.uncertain + uncertain - (pass ? moved.length : 0),
    completed_amount: paid.reduce((sum, one) => sum + one.line.amount, batch.completed_amount),
    fees: paid.reduce((sum, one) => sum + one.line.fee, batch.fees),
    version: batch.version + 1n,
  }
  const ended = change.completed + change.failed + batch.cancelled
  if (change.uncertain < 0 || ended + change.uncertain > batch.total)
    throw checkViolation(`the counters of batch ${batch.id} would not be its lines`, 'payments_batches_check')
  patch(tables, batch, { ...change, finished_at: ended === batch.total ? now : null })
}
