import { sql, type Reader, type Tx } from '../platform/db.ts'
import type { EventRow } from './canonical.ts'
import type { Node, NodeKey } from './tree.ts'

/** The letters «audit»: one sealer at a time among all processes. It goes with the transaction, whatever happens. */
const SEALING = 0x61_75_64_69_74

export const lockSealing = async (tx: Tx): Promise<boolean> =>
  (await tx.one<{ free: boolean }>(sql`select pg_try_advisory_xact_lock(${SEALING}::bigint) as free`)).free

/** Whether there is anything to seal, or nothing was for an hour. */
export const isSealDue = async (db: Reader): Promise<boolean> =>
  (await db.one<{ waits: boolean }>(sql`select exists (select from audit_unsealed) as waits`)).waits ||
  (await isQuiet(db))

/** Whether the newest checkpoint is more than an hour old; false where there is none. */
export const isQuiet = async (db: Reader): Promise<boolean> =>
  (
    await db.one<{ quiet: boolean }>(sql`
      select coalesce((
        select sealed_at < clock_timestamp() - interval '1 hour' from audit_checkpoints order by size desc limit 1
      ), false) as quiet`)
  ).quiet

export const selectLogId = async (db: Reader): Promise<string> =>
  (await db.one<{ log_id: string }>(sql`select log_id from audit_log`)).log_id

export type CheckpointRow = {
  readonly size: number
  readonly root: Buffer
  readonly note: string
  readonly sealed_at: Date
}
type Stored = Omit<CheckpointRow, 'size'> & { readonly size: bigint }
const withNumber = (row: Stored): CheckpointRow => ({ ...row, size: Number(row.size) })

export async function selectNewest(db: Reader): Promise<CheckpointRow | undefined> {
  const row = await db.maybeOne<Stored>(
    sql`select size, root, note, sealed_at from audit_checkpoints order by size desc limit 1`,
  )
  return row && withNumber(row)
}

export async function selectCheckpoint(db: Reader, size: number): Promise<CheckpointRow | undefined> {
  const row = await db.maybeOne<Stored>(
    sql`select size, root, note, sealed_at from audit_checkpoints where size = ${size}`,
  )
  return row && withNumber(row)
}

/** Checkpoints of trees above `above` leaves, smallest first. */
export async function selectCheckpoints(db: Reader, above: number, limit: number): Promise<CheckpointRow[]> {
  const rows = await db.many<Stored>(sql`
    select size, root, note, sealed_at from audit_checkpoints where size > ${above} order by size limit ${limit}`)
  return rows.map(withNumber)
}

/** Acts that wait for their seal, lowest id first. */
export const selectWaiting = async (db: Reader, limit: number): Promise<readonly bigint[]> =>
  (
    await db.many<{ event_id: bigint }>(
      sql`select event_id from audit_unsealed order by event_id limit ${limit}`,
    )
  ).map(({ event_id }) => event_id)

/** The events of these ids, in their order, as the canonical form takes them: times to the microsecond, JSON as text. */
export const selectEvents = (db: Reader, ids: readonly bigint[]): Promise<EventRow[]> =>
  db.many(sql`
    select id, actor, role, action, subject, organization_id, address, user_agent, request_id,
      detail::text as detail, before::text as before, after::text as after,
      case when at between '0001-01-01 00:00:00Z' and '9999-12-31 23:59:59Z'
        then to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else 'out of range' end as at
    from audit_events where id = any (${ids}::bigint[]) order by id`)

export type LeafRow = { readonly index: number; readonly event_id: bigint; readonly hash: Buffer }

/** Leaves from that one on, in the order of the log. */
export async function selectLeaves(db: Reader, from: number, limit: number): Promise<LeafRow[]> {
  const rows = await db.many<Omit<LeafRow, 'index'> & { readonly leaf_index: bigint }>(sql`
    select leaf_index, event_id, hash from audit_leaves where leaf_index >= ${from} order by leaf_index limit ${limit}`)
  return rows.map(({ leaf_index, event_id, hash }) => ({ index: Number(leaf_index), event_id, hash }))
}

/** Where an event was sealed. */
export async function selectLeafOf(db: Reader, event_id: bigint): Promise<LeafRow | undefined> {
  const row = await db.maybeOne<{ leaf_index: bigint; hash: Buffer }>(
    sql`select leaf_index, hash from audit_leaves where event_id = ${event_id}`,
  )
  return row && { index: Number(row.leaf_index), event_id, hash: row.hash }
}

const nameOf = ({ level, index }: NodeKey): string => `${level}/${index}`

/** The stored hashes of these subtrees, in their order; undefined where one is not stored. */
export async function selectNodes(
  db: Reader,
  keys: readonly NodeKey[],
): Promise<readonly (Buffer | undefined)[]> {
  const rows = await db.many<{ level: number; index: bigint; hash: Buffer }>(sql`
    with wanted as (select * from unnest(${keys.map((key) => key.level)}::integer[],
      ${keys.map((key) => key.index)}::bigint[]) as w(level, index))
    select w.level, w.index, n.hash from wanted w join audit_nodes n on n.level = w.level and n.node_index = w.index
    union all
    select w.level, w.index, l.hash from wanted w join audit_leaves l on w.level = 0 and l.leaf_index = w.index`)
  const found = new Map(rows.map((row) => [nameOf({ level: row.level, index: Number(row.index) }), row.hash]))
  return keys.map((key) => found.get(nameOf(key)))
}

export const insertLeaves = (
  tx: Tx,
  from: number,
  ids: readonly bigint[],
  hashes: readonly Buffer[],
): Promise<number> =>
  tx.run(sql`
    insert into audit_leaves (leaf_index, event_id, hash)
    select ${from}::bigint + ordinality - 1, id, hash
    from unnest(${ids}::bigint[], ${hashes}::bytea[]) with ordinality as leaf(id, hash)`)

export const insertNodes = (tx: Tx, nodes: readonly Node[]): Promise<number> =>
  tx.run(sql`
    insert into audit_nodes (level, node_index, hash)
    select * from unnest(${nodes.map((node) => node.level)}::smallint[], ${nodes.map((node) => node.index)}::bigint[],
      ${nodes.map((node) => node.hash)}::bytea[])`)

export const insertCheckpoint = (tx: Tx, size: number, root: Buffer, note: string): Promise<number> =>
  tx.run(sql`insert into audit_checkpoints (size, root, note) values (${size}, ${root}, ${note})`)

export const deleteWaiting = (tx: Tx, ids: readonly bigint[]): Promise<number> =>
  tx.run(sql`delete from audit_unsealed where event_id = any (${ids}::bigint[])`)

/** The first twenty events that are neither sealed nor waiting, or both, or sealed or waiting without being there. */
export const selectAstray = (db: Reader): Promise<{ readonly event: bigint; readonly why: Astray }[]> =>
  db.many(sql`
    select coalesce(e.id, l.event_id, w.event_id) as event,
      case when e.id is null then 'GONE' when l.event_id is null then 'UNSEEN' else 'TWICE' end as why
    from audit_events e full join audit_leaves l on l.event_id = e.id
      full join audit_unsealed w on w.event_id = coalesce(e.id, l.event_id)
    where e.id is null or (l.event_id is null) = (w.event_id is null)
    order by 1 limit 20`)
/** GONE: sealed or waiting, and not there. UNSEEN: there, and the sealer was never told. TWICE: sealed, and waiting again. */
export type Astray = 'GONE' | 'UNSEEN' | 'TWICE'

/** How many leaves, inner nodes and waiting acts there are. */
export const countAll = (
  db: Reader,
): Promise<{ readonly leaves: bigint; readonly nodes: bigint; readonly waiting: bigint }> =>
  db.one(sql`
    select (select count(*) from audit_leaves) as leaves, (select count(*) from audit_nodes) as nodes,
      (select count(*) from audit_unsealed) as waiting`)

/** Where the leaves are not one row, or the newest checkpoint is not about all of them. */
export const selectUncovered = (db: Reader): Promise<readonly object[]> =>
  db.many(sql`
    select * from (
      select count(*) as leaves, coalesce(max(leaf_index) + 1, 0) as end_of_leaves,
        (select coalesce(max(size), 0) from audit_checkpoints) as newest_checkpoint
      from audit_leaves) as sealed
    where leaves <> end_of_leaves or leaves <> newest_checkpoint`)

/** Where nobody has ever sealed (no worker was started yet), nothing has stalled. */
export const selectStalled = (db: Reader): Promise<readonly object[]> =>
  db.many(sql`
    select count(*) as acts, min(e.at)::text as since from audit_unsealed w join audit_events e on e.id = w.event_id
    where e.at < clock_timestamp() - interval '1 hour' and exists (select from audit_checkpoints)
    having count(*) > 0`)
