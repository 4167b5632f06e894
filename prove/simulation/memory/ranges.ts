import type { Some } from './statements.ts'
import type { Claim, Orphan, OrderRow } from '../../../src/payments/sql/drive.ts'
import {
  lineKey,
  nextId,
  patch,
  put,
  type BatchRow,
  type ConnectionRow,
  type LineRow,
  type RangeRow,
  type Tables,
} from './tables.ts'

type Run = Omit<Claim, 'range_id'>

/** src/payments/sql/drive.ts and `payments_claim`: what workers take, leave and give back. */
export function rangeStatements(
  tables: Tables,
  now: () => number,
): Some<
  | 'insertRanges'
  | 'claim'
  | 'selectOrders'
  | 'lockOrphans'
  | 'selectOrphanLines'
  | 'finishRanges'
  | 'splitRange'
  | 'pausedAmong'
> {
  return { ...claimStatements(tables, now), ...endStatements(tables), ...orphanStatements(tables) }
}

/** What is taken. */
function claimStatements(tables: Tables, now: () => number) {
  /** The connection, when this worker drives it just now. */
  const drivenBy = (connection: string, worker: string, token: bigint): ConnectionRow | undefined => {
    const c = tables.connections.get(connection)
    const drives = c?.worker === worker && c.token === token && c.state === 'RUNNING'
    return drives && c.lease_until !== null && c.lease_until > now() ? c : undefined
  }
  return {
    claim(connection: string, worker: string, token: bigint, want: number, after: bigint): Claim | undefined {
      const driven = drivenBy(connection, worker, token)
      if (driven === undefined) return undefined
      const { mode } = driven
      const freed = firstFreed(tables, connection)
      if (freed !== undefined) {
        patch(tables, freed, { state: 'OPEN', token, mode })
        return claimOf(freed)
      }
      const batch = nextInTurn(tables, connection, after)
      if (batch === undefined) return undefined
      const run = cut(tables, batch, want)
      const range_id = insert(tables, { ...run, connection_id: connection, token, state: 'OPEN', mode })
      return { range_id, ...run }
    },
    selectOrders: ({ batch_id, from_seq, to_seq }: Run): OrderRow[] =>
      newLines(tables, batch_id, from_seq, to_seq).map(orderRowOf),
    pausedAmong: (batches: readonly bigint[]): bigint[] =>
      batches.filter((id) => tables.batches.get(id)?.paused),
  }
}

/** What is done, or given back. */
function endStatements(tables: Tables) {
  const insertRanges = (
    connection_id: string,
    token: bigint,
    state: 'OPEN' | 'FREED',
    runs: readonly Run[],
  ): number => {
    for (const run of runs) insert(tables, { ...run, connection_id, token, state, mode: null })
    return runs.length
  }
  return {
    insertRanges,
    finishRanges(connection: string, token: bigint, ids: readonly bigint[]): number {
      if (tables.connections.get(connection)?.token !== token) return 0
      return finish(tables, ids)
    },
    splitRange(
      connection_id: string,
      token: bigint,
      ids: readonly bigint[],
      sent: readonly Run[],
      unsent: readonly Run[],
    ): bigint[] {
      finish(tables, ids)
      insertRanges(connection_id, token, 'FREED', unsent)
      const modes = ids.flatMap((id) => tables.ranges.get(id)?.mode ?? [])
      const mode = modes.sort().at(-1) ?? null
      return sent.map((run) => insert(tables, { ...run, connection_id, token, state: 'OPEN', mode }))
    },
  }
}

/** What an older lease has left behind. */
function orphanStatements(tables: Tables) {
  return {
    lockOrphans: (connection: string, token: bigint): Orphan[] =>
      rangesById(tables)
        .filter((r) => r.connection_id === connection && r.state === 'OPEN' && r.token < token)
        .slice(0, 20)
        .map((r) => ({ ...claimOf(r), mode: r.mode })),
    selectOrphanLines: ({ batch_id, from_seq, to_seq }: Claim) =>
      newLines(tables, batch_id, from_seq, to_seq).map(({ seq, attempt }) => {
        const pursuit = tables.pursuits.get(lineKey(batch_id, seq))
        return { seq, attempt, rail_reference: pursuit?.state === 'QUOTED' ? pursuit.rail_reference : null }
      }),
  }
}

function insert(tables: Tables, range: Omit<RangeRow, 'id'>): bigint {
  const id = nextId(tables)
  put(tables, tables.ranges, id, { id, ...range })
  return id
}

/** Moves a batch's cursor over the next lines. */
function cut(tables: Tables, batch: BatchRow, want: number): Run {
  const from_seq = batch.next_seq
  patch(tables, batch, {
    next_seq: Math.min(from_seq + want, batch.total + 1),
    open: from_seq + want <= batch.total,
    version: batch.version + 1n,
  })
  return { batch_id: batch.id, from_seq, to_seq: Math.min(from_seq + want - 1, batch.total) }
}

const rangesById = (tables: Tables): RangeRow[] =>
  [...tables.ranges.values()].sort((a, b) => Number(a.id - b.id))

const claimOf = ({ id, batch_id, from_seq, to_seq }: RangeRow): Claim => ({
  range_id: id,
  batch_id,
  from_seq,
  to_seq,
})

function finish(tables: Tables, ids: readonly bigint[]): number {
  let n = 0
  for (const id of ids) {
    const range = tables.ranges.get(id)
    if (range === undefined) continue
    patch(tables, range, { state: 'DONE' })
    n += 1
  }
  return n
}

function firstFreed(tables: Tables, connection: string): RangeRow | undefined {
  let first: RangeRow | undefined
  for (const range of tables.ranges.values()) {
    if (range.state !== 'FREED' || range.connection_id !== connection) continue
    if (tables.batches.get(range.batch_id)?.paused) continue
    if (first === undefined || range.id < first.id) first = range
  }
  return first
}

/** Batches take turns: the first one after the last that was claimed from, else the first. */
function nextInTurn(tables: Tables, connection: string, after: bigint): BatchRow | undefined {
  let next: BatchRow | undefined
  for (const batch of tables.batches.values()) {
    if (batch.connection_id !== connection || !batch.open || batch.paused) continue
    if (next === undefined || isBefore(batch, next, after)) next = batch
  }
  return next
}

const isBefore = (a: BatchRow, b: BatchRow, after: bigint): boolean =>
  a.id <= after === b.id <= after ? a.id < b.id : b.id <= after

const newLines = (tables: Tables, batch_id: bigint, from_seq: number, to_seq: number): LineRow[] =>
  (tables.batches.get(batch_id)?.lines.slice(from_seq - 1, to_seq) ?? []).filter(
    (line) => line.state === 'NEW',
  )

/** What an order is made of. */
export const orderRowOf = (line: LineRow): OrderRow => ({
  batch_id: line.batch_id,
  seq: line.seq,
  attempt: line.attempt,
  amount: line.amount,
  transfer_id: line.transfer_id,
  party_type: line.party_type,
  party_identifier: line.party_identifier,
  payee_name: line.payee_name,
})
