import type { DueRow } from '../../../src/payments/sql/drive.ts'
import type { PursuitChange } from '../../../src/payments/sql/engine.ts'
import type { Some } from './statements.ts'
import { orderRowOf } from './ranges.ts'
import {
  drop,
  followedBy,
  lineKey,
  lineOf,
  nextId,
  patch,
  pursuitOfId,
  put,
  type PursuitRow,
  type Tables,
} from './tables.ts'

type LineId = { readonly batch_id: bigint; readonly seq: number }

/** src/payments/sql/drive.ts and engine.ts: lines that left the straight path. `now` is `cauri_now()`. */
export function pursuitStatements(
  tables: Tables,
  now: () => number,
): Some<
  | 'glance'
  | 'adoptPursuits'
  | 'selectInterrupted'
  | 'takeDue'
  | 'reschedule'
  | 'setReference'
  | 'returnToRetry'
  | 'giveBack'
  | 'upsertPursuits'
  | 'deletePursuits'
  | 'selectOpenAttempt'
  | 'markPaidLate'
> {
  return {
    ...dueStatements(tables, now),
    ...takeOverStatements(tables, now),
    ...giveBackStatements(tables, now),
    ...pursuitRowStatements(tables, now),
    ...lineStatements(tables),
  }
}

const pursuitsOf = (tables: Tables, connection: string): PursuitRow[] =>
  [...tables.pursuits.values()].filter((p) => p.connection_id === connection)

/** What waits for its time, and when it is looked at again. */
function dueStatements(tables: Tables, now: () => number) {
  return {
    glance(connection: string): { open: boolean; due: boolean } {
      const batches = [...tables.batches.values()]
      const ranges = [...tables.ranges.values()]
      return {
        open:
          batches.some((b) => b.connection_id === connection && b.open && !b.paused) ||
          ranges.some((r) => r.connection_id === connection && r.state === 'FREED'),
        due: pursuitsOf(tables, connection).some((p) => p.next_at !== null && p.next_at <= now()),
      }
    },
    takeDue(connection: string, token: bigint, limit: number, busy_ms: number): DueRow[] {
      const due = pursuitsOf(tables, connection)
        .filter((p) => p.state === 'RETRY' || p.state === 'UNCERTAIN' || p.state === 'QUOTED')
        .filter((p) => p.next_at !== null && p.next_at <= now())
        .filter((p) => !(p.state === 'RETRY' && tables.batches.get(p.batch_id)?.paused))
        .sort((a, b) => (a.next_at ?? 0) - (b.next_at ?? 0))
        .slice(0, limit)
      return due.map((p) => {
        const state = p.state as DueRow['state']
        const retries = state === 'RETRY'
        patch(tables, p, {
          token,
          tries: p.tries + 1,
          next_at: now() + busy_ms,
          sent_at: retries ? now() : p.sent_at,
          state: retries ? 'SENDING' : p.state,
        })
        return dueRow(tables, now(), p, state)
      })
    },
    reschedule(
      due: { readonly id: bigint; readonly attempt: number; readonly resent: number },
      token: bigint,
      after_ms: number,
      change: { readonly not_found: number; readonly because: string; readonly resends: boolean },
    ): number {
      const { resends } = change
      const row = pursuitOfId(tables, due.id)
      if (row === undefined || row.token !== token || !(row.state === 'UNCERTAIN' || row.state === 'QUOTED'))
        return 0
      if (row.attempt !== due.attempt || row.resent !== due.resent) return 0
      const batch = tables.batches.get(row.batch_id)
      if (resends && (batch?.paused || batch?.cancelled_from !== null)) return 0
      patch(tables, row, {
        next_at: now() + after_ms,
        not_found: change.not_found,
        because: change.because.slice(0, 500),
        sent_at: resends ? now() : row.sent_at,
        resent: row.resent + (resends ? 1 : 0),
      })
      return 1
    },
  }
}

/** What a new driver takes over from the one before. */
function takeOverStatements(tables: Tables, now: () => number) {
  return {
    adoptPursuits(connection: string, token: bigint, after_ms: number): number {
      const rows = pursuitsOf(tables, connection).filter(
        (p) => p.token < token && (p.state === 'UNCERTAIN' || p.state === 'QUOTED'),
      )
      for (const row of rows)
        patch(tables, row, { token, next_at: Math.min(row.next_at ?? Infinity, now() + after_ms) })
      return rows.length
    },
    selectInterrupted: (connection: string, token: bigint) =>
      pursuitsOf(tables, connection)
        .filter((p) => p.token < token && p.state === 'SENDING')
        .sort((a, b) => Number(a.id - b.id))
        .slice(0, 1000)
        .map(({ batch_id, seq, attempt, rail_reference }) => ({ batch_id, seq, attempt, rail_reference })),
  }
}

/** What was taken, and is not done after all. */
function giveBackStatements(tables: Tables, now: () => number) {
  return {
    returnToRetry(rows: readonly LineId[]): number {
      const sending = rows.flatMap((r) => tables.pursuits.get(lineKey(r.batch_id, r.seq)) ?? [])
      const found = sending.filter((p) => p.state === 'SENDING')
      for (const p of found) patch(tables, p, { state: 'RETRY', next_at: now() })
      return found.length
    },
    giveBack(ids: readonly bigint[], token: bigint): number {
      const rows = [...tables.pursuits.values()].filter(
        (p) => ids.includes(p.id) && p.token === token && p.state !== 'RETRY' && p.state !== 'REVIEW',
      )
      for (const p of rows)
        patch(tables, p, { state: p.state === 'SENDING' ? 'RETRY' : p.state, next_at: now() + 1_000 })
      return rows.length
    },
  }
}

/** What a settled set or the rail's word writes of pursuits. */
function pursuitRowStatements(tables: Tables, now: () => number) {
  return {
    setReference(id: bigint, rail_reference: string): number {
      const row = pursuitOfId(tables, id)
      if (row === undefined) return 0
      patch(tables, row, { rail_reference })
      return 1
    },
    upsertPursuits(connection_id: string, token: bigint, set: readonly PursuitChange[]): number {
      for (const change of set) upsert(tables, now(), connection_id, token, change)
      return set.length
    },
    deletePursuits(batches: readonly bigint[], seqs: readonly number[]): number {
      const before = tables.pursuits.size
      for (const [i, batch] of batches.entries()) drop(tables, tables.pursuits, lineKey(batch, seqs[i] ?? 0))
      return before - tables.pursuits.size
    },
  }
}

/** What is asked of a line, and written on it, when it is paid after its end. */
function lineStatements(tables: Tables) {
  return {
    selectOpenAttempt(batch_id: bigint, seq: number): { attempt: number; state: string } | undefined {
      const line = lineOf(tables, batch_id, seq)
      const is_open = line?.state === 'NEW' || line?.state === 'RETRY' || line?.state === 'UNCERTAIN'
      return line !== undefined && is_open ? { attempt: line.attempt, state: line.state } : undefined
    },
    markPaidLate(batch_id: bigint, seq: number, because: string): number {
      const line = lineOf(tables, batch_id, seq)
      if (line === undefined || !(line.state === 'FAILED' || line.state === 'CANCELLED')) return 0
      patch(tables, line, { error_code: 'PAID_LATE', error_message: because, xmin: tables.xid })
      return 1
    },
  }
}

function dueRow(tables: Tables, now: number, p: PursuitRow, state: DueRow['state']): DueRow {
  const { batch, line } = followedBy(tables, p)
  return {
    ...orderRowOf(line),
    id: p.id,
    attempt: p.attempt,
    state,
    rail_reference: p.rail_reference,
    tries: p.tries,
    not_found: p.not_found,
    resent: p.resent,
    refused_as: p.refused_as,
    because: p.because,
    sent_ms: now - p.sent_at,
    since_ms: now - p.since,
    cancelled: batch.cancelled_from !== null,
    paused: batch.paused,
  }
}

function upsert(
  tables: Tables,
  now: number,
  connection_id: string,
  token: bigint,
  change: PursuitChange,
): void {
  const { batch_id, seq, attempt, state, rail_reference } = change
  const key = lineKey(batch_id, seq)
  const next_at = state === 'REVIEW' ? null : now + change.after_ms
  const refused_as = change.refused_as ?? null
  const written = { attempt, state, token, rail_reference, next_at, because: change.because ?? null }
  const known = tables.pursuits.get(key)
  // The sequence moves on even when the row is there: PostgreSQL draws the id before it sees the conflict.
  const id = nextId(tables)
  if (known === undefined) {
    const untried = { tries: 0, not_found: 0, resent: 0, hinted_at: null, sent_at: now, since: now }
    const row = { ...written, ...untried, id, batch_id, seq, connection_id, refused_as }
    return put(tables, tables.pursuits, key, row)
  }
  const same = known.attempt === attempt
  patch(tables, known, {
    ...written,
    refused_as: refused_as ?? (same ? known.refused_as : null),
    sent_at: state === 'UNCERTAIN' ? known.sent_at : now,
    resent: same ? known.resent : 0,
    not_found: 0,
    tries: same ? known.tries : 0,
    since: same ? known.since : now,
  })
}
