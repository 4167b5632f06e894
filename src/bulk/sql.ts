import { sql, type Reader, type Tx } from '../platform/db.ts'
import type { BatchState, Bulk, BulkLine, LineState } from './batch.ts'

export type NewBulk = {
  readonly id: bigint
  readonly bulk_id: string
  readonly organization_id: bigint
  readonly account_id: bigint
  readonly parent_id: bigint | null
  readonly file_name: string | null
  readonly file_sha256: Buffer | null
  readonly list_hash: string
  readonly callback_url: string | null
  readonly callback_wanted: boolean
  readonly warnings: readonly object[]
  readonly created_by: string
}

export const insertBulk = (tx: Tx, b: NewBulk): Promise<number> =>
  tx.run(sql`
    insert into bulk_batches (id, bulk_id, organization_id, account_id, parent_id, file_name, file_sha256, list_hash,
      callback_url, callback_wanted, warnings, created_by)
    values (${b.id}, ${b.bulk_id}, ${b.organization_id}, ${b.account_id}, ${b.parent_id}, ${b.file_name},
      ${b.file_sha256}, ${b.list_hash}, ${b.callback_url}, ${b.callback_wanted}, ${JSON.stringify(b.warnings)}::jsonb,
      ${b.created_by})`)

/** The latest batch of this payer with the same rows, and how many days ago; cancelled ones do not count. */
export const findSameList = (
  db: Reader,
  account: bigint,
  list_hash: string,
  days: number,
): Promise<{ bulk_id: string; days: number } | undefined> =>
  db.maybeOne(sql`
    select b.bulk_id, (extract(epoch from cauri_now() - b.created_at) / 86400)::float8 as days
    from bulk_batches b join payments_public_batches p on p.id = b.id
    where b.account_id = ${account} and b.list_hash = ${list_hash} and p.state <> 'CANCELLED'
      and b.parent_id is null and b.created_at > cauri_now() - ${days}::float8 * interval '1 day'
    order by b.created_at desc limit 1`)

/** What is not the organisation's does not exist; null is the engine itself, or an operator's tool. */
export const findBulk = (
  db: Reader,
  organization: bigint | null,
  bulk_id: string,
): Promise<Bulk | undefined> =>
  db.maybeOne(sql`
    select * from bulk_public_batches
    where bulk_id = ${bulk_id} and (${organization}::bigint is null or organization_id = ${organization})`)

export const findBulkById = (db: Reader, id: bigint): Promise<Bulk | undefined> =>
  db.maybeOne(sql`select * from bulk_public_batches where id = ${id}`)

export const findBulksById = (db: Reader, ids: readonly bigint[]): Promise<Bulk[]> =>
  db.many(sql`select * from bulk_public_batches where id = any (${ids}::bigint[])`)

export type HistoryFilter = {
  readonly organization: bigint
  readonly state: BatchState | null
  readonly from: Date | null
  readonly to: Date | null
  readonly limit: number
  readonly offset: number
}

export const selectHistory = (db: Reader, f: HistoryFilter): Promise<Bulk[]> =>
  db.many(sql`
    select * from bulk_public_batches
    where organization_id = ${f.organization} and (${f.state}::text is null or state = ${f.state})
      and (${f.from}::timestamptz is null or created_at >= ${f.from}) and (${f.to}::timestamptz is null or created_at < ${f.to})
    order by id desc limit ${f.limit} offset ${f.offset}`)

export const countHistory = async (db: Reader, f: HistoryFilter): Promise<number> =>
  Number(
    (
      await db.one<{ n: bigint }>(sql`
        select count(*) as n from bulk_public_batches
        where organization_id = ${f.organization} and (${f.state}::text is null or state = ${f.state})
          and (${f.from}::timestamptz is null or created_at >= ${f.from}) and (${f.to}::timestamptz is null or created_at < ${f.to})`)
    ).n,
  )

/** The last number that a line may have. */
const LAST_SEQ = 2_147_483_647

/**
 * Lines in their order, after a sequence number. Numbers have no gaps, so a page of all lines is a closed range of
 * them: with an open one, PostgreSQL sorts a whole list that it has no statistics of yet, a second for a million.
 */
export function selectLines(
  db: Reader,
  batch: bigint,
  {
    after,
    limit,
    status,
  }: { readonly after: number; readonly limit: number; readonly status: LineState | null },
): Promise<BulkLine[]> {
  const to = status === null ? Math.min(after + limit, LAST_SEQ) : LAST_SEQ
  return db.many(sql`
    select batch_id, seq, transfer_id, amount, fee, currency, attempt, party_type, party_identifier, payee_name, status,
      fulfilment, completed_at, error_code, error_message, extra
    from payments_public_lines
    where batch_id = ${batch} and seq > ${after} and seq <= ${to} and (${status}::text is null or status = ${status})
    order by seq limit ${limit}`)
}

/** Where the line holds its id the unique index finds it; only failed and cancelled ones need a look at the batch. */
export async function findLine(
  db: Reader,
  batch: bigint,
  transfer_id: string,
): Promise<BulkLine | undefined> {
  const held = await db.maybeOne<{ seq: number }>(sql`
    select o.seq from bulk_batches b
    join payments_public_occupied o on o.account_id = b.account_id and o.transfer_id = ${transfer_id} and o.batch_id = b.id
    where b.id = ${batch}`)
  const seq = held?.seq ?? null
  return db.maybeOne(sql`
    select batch_id, seq, transfer_id, amount, fee, currency, attempt, party_type, party_identifier, payee_name, status,
      fulfilment, completed_at, error_code, error_message, extra
    from payments_public_lines
    where batch_id = ${batch} and transfer_id = ${transfer_id} and (${seq}::integer is null or seq = ${seq})
    order by seq limit 1`)
}

/** The named lines of a batch, in one look at it. */
export const selectStatuses = (
  db: Reader,
  batch: bigint,
  transfer_ids: readonly string[],
): Promise<{ transfer_id: string; status: LineState }[]> =>
  db.many(sql`
    select transfer_id, status from payments_public_lines
    where batch_id = ${batch} and transfer_id = any (${transfer_ids}::text[])`)

/** A batch that holds ids of this one's failed lines. */
export const findOccupant = async (db: Reader, batch: bigint, account: bigint): Promise<string | undefined> =>
  (
    await db.maybeOne<{ bulk_id: string }>(sql`
      select b.bulk_id from payments_public_lines l
      join payments_public_occupied o on o.account_id = ${account} and o.transfer_id = l.transfer_id
      join bulk_batches b on b.id = o.batch_id
      where l.batch_id = ${batch} and l.status = 'FAILED' limit 1`)
  )?.bulk_id

/** A line of this organisation by the customer's own id; nothing when the id is not unambiguous. */
export const findByTransferId = async (
  db: Reader,
  organization: bigint | null,
  transfer_id: string,
): Promise<{ batch_id: bigint; seq: number; transfer_id: string; status: LineState } | undefined> => {
  const rows = await db.many<{ batch_id: bigint; seq: number; transfer_id: string; status: LineState }>(sql`
    select l.batch_id, l.seq, l.transfer_id, l.status
    from payments_public_accounts a
    join payments_public_occupied o on o.account_id = a.id and o.transfer_id = ${transfer_id}
    join payments_public_lines l on l.batch_id = o.batch_id and l.seq = o.seq
    where ${organization}::bigint is null or a.organization_id = ${organization}
    limit 2`)
  return rows.length === 1 ? rows[0] : undefined
}

export const findLineAt = (
  db: Reader,
  batch: bigint,
  seq: number,
): Promise<{ transfer_id: string; status: LineState; organization_id: bigint } | undefined> =>
  db.maybeOne(sql`
    select l.transfer_id, l.status, b.organization_id from payments_public_lines l join bulk_batches b on b.id = l.batch_id
    where l.batch_id = ${batch} and l.seq = ${seq}`)
