import { sql, type Reader, type Tx } from '../../platform/db.ts'
import type { Currency } from '../../platform/money.ts'

export const nextBatchId = async (tx: Tx): Promise<bigint> =>
  (await tx.one<{ id: bigint }>(sql`select nextval('payments_batches_id_seq') as id`)).id

export const copyLines = (tx: Tx, chunks: AsyncIterable<string>): Promise<void> =>
  tx.copyIn(
    `copy payments_lines (batch_id, seq, account_id, transfer_id, amount, party_type, party_identifier, payee_name, extra)
     from stdin`,
    chunks,
  )

export type NewBatch = {
  readonly id: bigint
  readonly connection_id: string
  readonly account_id: bigint
  readonly hold_account_id: bigint
  readonly purpose: string
  readonly secret: Buffer
  readonly currency: Currency
  readonly fee_cap: bigint
  readonly total: number
  readonly total_amount: bigint
  readonly awaits_approval: boolean
}

export const insertBatch = (tx: Tx, b: NewBatch): Promise<number> =>
  tx.run(sql`
    insert into payments_batches
      (id, connection_id, account_id, hold_account_id, purpose, secret, currency, fee_cap, total, total_amount,
        awaits_approval, open)
    values (${b.id}, ${b.connection_id}, ${b.account_id}, ${b.hold_account_id}, ${b.purpose}, ${b.secret},
      ${b.currency}, ${b.fee_cap}, ${b.total}, ${b.total_amount}, ${b.awaits_approval}, ${!b.awaits_approval})`)

export type LockedBatch = {
  id: bigint
  total: number
  next_seq: number
  open: boolean
  cancelled_from: number | null
  paused: boolean
  fee_cap: bigint
  hold_account_id: bigint
  payer_ledger_id: bigint
  purpose: string
  finished_at: Date | null
}

export const lockBatch = (tx: Tx, id: bigint): Promise<LockedBatch> =>
  tx.one(sql`
    select b.id, b.total, b.next_seq, b.open, b.cancelled_from, b.paused, b.fee_cap, b.hold_account_id,
      a.ledger_account_id as payer_ledger_id, b.purpose, b.finished_at
    from payments_batches b join payments_accounts a on a.id = b.account_id
    where b.id = ${id} for no key update of b`)

/** What was not claimed yet, and what was claimed and freed unsent. Answers how many and their sum. */
export const cancelUnclaimed = async (
  tx: Tx,
  id: bigint,
  from: number,
): Promise<{ n: bigint; sum: bigint }> =>
  tx.one(sql`
    with freed as (
      update payments_ranges set state = 'DONE' where batch_id = ${id} and state = 'FREED' returning from_seq, to_seq
    ), gone as (
      update payments_lines l set state = 'CANCELLED', completed_at = cauri_now(), account_id = null
      where l.batch_id = ${id} and l.state = 'NEW'
        and (l.seq >= ${from} or exists (select from freed f where l.seq between f.from_seq and f.to_seq))
      returning l.amount
    )
    select count(*) as n, coalesce(sum(amount), 0)::bigint as sum from gone`)

/** Retries that wait: nothing of them is under way. One that is being sent just now is not RETRY any more. */
export const cancelRetries = async (tx: Tx, id: bigint): Promise<{ n: bigint; sum: bigint }> =>
  tx.one(sql`
    with waiting as (
      delete from payments_pursuits where batch_id = ${id} and state = 'RETRY' returning seq
    ), gone as (
      update payments_lines l set state = 'CANCELLED', completed_at = cauri_now(), account_id = null
      from waiting w where l.batch_id = ${id} and l.seq = w.seq and l.state = 'RETRY'
      returning l.amount
    )
    select count(*) as n, coalesce(sum(amount), 0)::bigint as sum from gone`)

/** Closes the cursor. Answers whether the batch is finished now. */
export const closeCursor = async (tx: Tx, id: bigint, cancelled: number): Promise<boolean> =>
  (
    await tx.one<{ finished: boolean }>(sql`
      update payments_batches set
        cancelled_from = coalesce(cancelled_from, next_seq), open = false, cancelled = cancelled + ${cancelled},
        paused = false, pause_reason = null, awaits_approval = false, version = version + 1,
        finished_at = case when completed + failed + cancelled + ${cancelled} = total then cauri_now() end
      where id = ${id} returning finished_at is not null as finished`)
  ).finished

export const setPaused = (tx: Tx, id: bigint, paused: boolean, reason: string | null): Promise<number> =>
  tx.run(sql`
    update payments_batches set paused = ${paused}, pause_reason = ${reason}, version = version + 1
    where id = ${id} and paused <> ${paused} and finished_at is null`)

/** Opens a batch that awaits approval; its cursor has not moved. */
export const setApproved = (tx: Tx, id: bigint): Promise<number> =>
  tx.run(sql`
    update payments_batches set awaits_approval = false, open = true, version = version + 1
    where id = ${id} and awaits_approval`)

/** Copies failed lines, but none that was paid after all, into a new batch, numbered from 1. Answers how many and their sum. */
export const copyFailed = (
  tx: Tx,
  from: bigint,
  to: bigint,
  account: bigint,
  transfer_ids: readonly string[] | null,
): Promise<{ n: bigint; sum: bigint }> =>
  tx.one(sql`
    with again as (
      insert into payments_lines (batch_id, seq, account_id, transfer_id, amount, party_type, party_identifier, payee_name, extra)
      select ${to}, row_number() over (order by seq), ${account}, transfer_id, amount, party_type, party_identifier,
        payee_name, extra
      from payments_lines
      where batch_id = ${from} and state = 'FAILED' and error_code is distinct from 'PAID_LATE'
        and (${transfer_ids}::text[] is null or transfer_id = any (${transfer_ids}::text[]))
      returning amount
    )
    select count(*) as n, coalesce(sum(amount), 0)::bigint as sum from again`)

export const usedTransferIds = async (
  db: Reader,
  account: bigint,
  ids: readonly string[],
): Promise<string[]> =>
  (
    await db.many<{ transfer_id: string }>(sql`
      select transfer_id from payments_lines where account_id = ${account} and transfer_id = any (${ids}::text[])`)
  ).map((row) => row.transfer_id)
