import { sql, type Reader, type Tx } from '../../platform/db.ts'
import type { Currency } from '../../platform/money.ts'
import type { PartyType } from '../../platform/party.ts'
import type { Outcome, OutcomeWord } from '../engine/outcome.ts'

export type SettledRow = {
  batch_id: bigint
  seq: number
  attempt: number
  outcome: OutcomeWord | 'LATE'
  was_uncertain: boolean
  amount: bigint
  fee: bigint
  finished: boolean
}

/** The state change of a set; see the function's comment in the migration. Locks batches, then reads the lease. */
export const settleLines = (
  tx: Tx,
  connection: string,
  token: bigint,
  set: readonly Outcome[],
  by_people: boolean,
): Promise<SettledRow[]> =>
  tx.many(sql`
    select * from payments_settle(${connection}, ${token},
      ${set.map((o) => o.batch_id)}::bigint[], ${set.map((o) => o.seq)}::integer[],
      ${set.map((o) => o.attempt)}::smallint[], ${set.map((o) => o.word)}::text[],
      ${set.map((o) => o.fee ?? null)}::bigint[], ${set.map((o) => o.code ?? null)}::text[],
      ${set.map((o) => o.message?.slice(0, 500) ?? null)}::text[], ${set.map((o) => o.fulfilment ?? null)}::text[],
      ${set.map((o) => o.name ?? null)}::text[], ${by_people})`)

export type BatchInfo = {
  id: bigint
  connection_id: string
  purpose: string
  currency: Currency
  fee_cap: bigint
  secret: Buffer
  hold_account_id: bigint
  payer_ledger_id: bigint
  payer_type: PartyType
  payer_identifier: string
}

/** What never changes of a batch, with its payer. */
export const selectBatchInfo = (db: Reader, ids: readonly bigint[]): Promise<BatchInfo[]> =>
  db.many(sql`
    select b.id, b.connection_id, b.purpose, b.currency, b.fee_cap, b.secret, b.hold_account_id,
      a.ledger_account_id as payer_ledger_id, a.party_id_type as payer_type, a.party_identifier as payer_identifier
    from payments_batches b join payments_accounts a on a.id = b.account_id
    where b.id = any (${ids}::bigint[])`)

export type PursuitChange = {
  readonly batch_id: bigint
  readonly seq: number
  readonly attempt: number
  readonly state: 'QUOTED' | 'RETRY' | 'UNCERTAIN' | 'REVIEW'
  readonly rail_reference: string
  readonly after_ms: number
  readonly because?: string | undefined
  readonly refused_as?: string | undefined
}

/**
 * Opens or moves pursuits. A line that becomes uncertain again keeps the moment since when it has been; a new attempt
 * begins anew, and a refusal of the one before says nothing of it.
 */
export const upsertPursuits = (
  tx: Tx,
  connection: string,
  token: bigint,
  set: readonly PursuitChange[],
): Promise<number> =>
  tx.run(sql`
    insert into payments_pursuits
      (batch_id, seq, connection_id, attempt, state, token, rail_reference, next_at, because, refused_as)
    select u.batch, u.seq, ${connection}, u.attempt, u.state, ${token}, u.reference,
      case when u.state <> 'REVIEW' then cauri_now() + u.after * interval '1 millisecond' end, u.because, u.refused_as
    from unnest(
      ${set.map((p) => p.batch_id)}::bigint[], ${set.map((p) => p.seq)}::integer[],
      ${set.map((p) => p.attempt)}::smallint[], ${set.map((p) => p.state)}::text[],
      ${set.map((p) => p.rail_reference)}::text[], ${set.map((p) => p.after_ms)}::float8[],
      ${set.map((p) => p.because ?? null)}::text[], ${set.map((p) => p.refused_as ?? null)}::text[]
    ) as u(batch, seq, attempt, state, reference, after, because, refused_as)
    on conflict (batch_id, seq) do update set
      attempt = excluded.attempt, state = excluded.state, token = excluded.token,
      rail_reference = excluded.rail_reference, next_at = excluded.next_at, because = excluded.because,
      refused_as = coalesce(excluded.refused_as,
        case when excluded.attempt = payments_pursuits.attempt then payments_pursuits.refused_as end),
      sent_at = case when excluded.state = 'UNCERTAIN' then payments_pursuits.sent_at else cauri_now() end,
      resent = case when excluded.attempt = payments_pursuits.attempt then payments_pursuits.resent else 0 end,
      not_found = 0,
      tries = case when excluded.attempt = payments_pursuits.attempt then payments_pursuits.tries else 0 end,
      since = case when excluded.attempt = payments_pursuits.attempt then payments_pursuits.since else cauri_now() end`)

export const deletePursuits = (
  tx: Tx,
  batches: readonly bigint[],
  seqs: readonly number[],
): Promise<number> =>
  tx.run(sql`
    delete from payments_pursuits p
    using unnest(${batches}::bigint[], ${seqs}::integer[]) as u(batch, seq)
    where p.batch_id = u.batch and p.seq = u.seq`)

export const insertEvidence = (
  tx: Tx,
  set: readonly { batch_id: bigint; seq: number; attempt: number; what: string; said: object }[],
): Promise<number> =>
  tx.run(sql`
    insert into payments_evidence (batch_id, seq, attempt, what, said)
    select * from unnest(
      ${set.map((e) => e.batch_id)}::bigint[], ${set.map((e) => e.seq)}::integer[],
      ${set.map((e) => e.attempt)}::smallint[], ${set.map((e) => e.what)}::text[],
      ${set.map((e) => JSON.stringify(e.said))}::jsonb[])`)

/** Tells the streams that a batch moved. NOTIFY takes a global lock at commit, so it comes from settled sets only. */
export const notifyProgress = (tx: Tx, batches: readonly bigint[]): Promise<number> =>
  tx.run(sql`select pg_notify('payments_progress', id::text) from unnest(${batches}::bigint[]) as u(id)`)

/** Only the worker that drives may say that nothing of a range is open any more. */
export const finishRanges = (
  tx: Tx,
  connection: string,
  token: bigint,
  ids: readonly bigint[],
): Promise<number> =>
  tx.run(sql`
    update payments_ranges set state = 'DONE'
    where id = any (${ids}::bigint[])
      and exists (select from payments_connections where id = ${connection} and token = ${token} for share)`)

export const currentToken = async (tx: Tx, connection: string): Promise<bigint> =>
  (
    await tx.one<{ token: bigint }>(sql`
      select token from payments_connections where id = ${connection} for share`)
  ).token

/** Whoever looks at a line that ended without being paid sees that it was paid after all. */
export const markPaidLate = (tx: Tx, batch: bigint, seq: number, because: string): Promise<number> =>
  tx.run(sql`
    update payments_lines set error_code = 'PAID_LATE', error_message = ${because}
    where batch_id = ${batch} and seq = ${seq} and state in ('FAILED', 'CANCELLED')`)

/** A line that was thought settled and is still to be tried: it must not leave any more. */
export const selectOpenAttempt = (
  tx: Tx,
  batch: bigint,
  seq: number,
): Promise<{ attempt: number; state: string } | undefined> =>
  tx.maybeOne(sql`
    select attempt, state from payments_lines
    where batch_id = ${batch} and seq = ${seq} and state in ('NEW', 'RETRY', 'UNCERTAIN')`)
