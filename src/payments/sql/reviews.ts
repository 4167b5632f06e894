import { sql, type Reader, type Tx } from '../../platform/db.ts'

export type ReviewRow = {
  batch_id: bigint
  seq: number
  attempt: number
  transfer_id: string
  amount: bigint
  currency: string
  because: string | null
  rail_reference: string
  since: Date
  proposed_outcome: 'PAID' | 'REFUSED' | null
  proposed_by: string | null
  evidence_name: string | null
}

/** The lines that people must look at, oldest first, with what was already proposed. */
export const selectReviews = (
  db: Reader,
  batch: bigint | null,
  seq: number | null,
  limit: number,
): Promise<ReviewRow[]> =>
  db.many(sql`
    select p.batch_id, p.seq, p.attempt, l.transfer_id, l.amount, b.currency, p.because, p.rail_reference, p.since,
      r.outcome as proposed_outcome, r.proposed_by, r.evidence_name
    from payments_pursuits p
    join payments_lines l on l.batch_id = p.batch_id and l.seq = p.seq
    join payments_batches b on b.id = p.batch_id
    left join payments_reviews r on r.batch_id = p.batch_id and r.seq = p.seq and r.attempt = p.attempt
    where p.state = 'REVIEW' and (${batch}::bigint is null or p.batch_id = ${batch})
      and (${seq}::integer is null or p.seq = ${seq})
    order by p.since, p.id limit ${limit}`)

export const countReviews = (
  db: Reader,
): Promise<{ organization_id: bigint; organization: string; waiting: number }[]> =>
  db.many(sql`
    select a.organization_id, o.name as organization, count(*)::integer as waiting
    from payments_pursuits p
    join payments_batches b on b.id = p.batch_id
    join payments_accounts a on a.id = b.account_id
    join identity_public_organizations o on o.id = a.organization_id
    where p.state = 'REVIEW' group by 1, 2 order by 1`)

export const lockReview = (
  tx: Tx,
  batch: bigint,
  seq: number,
): Promise<{ attempt: number; connection_id: string; rail_reference: string } | undefined> =>
  tx.maybeOne(sql`
    select attempt, connection_id, rail_reference from payments_pursuits
    where batch_id = ${batch} and seq = ${seq} and state = 'REVIEW' for no key update`)

export type Proposal = {
  readonly batch_id: bigint
  readonly seq: number
  readonly attempt: number
  readonly outcome: 'PAID' | 'REFUSED'
  readonly evidence_name: string
  readonly evidence: Buffer
  readonly by: string
}

/** A later proposal replaces one that nobody confirmed. */
export const upsertProposal = (tx: Tx, p: Proposal): Promise<number> =>
  tx.run(sql`
    insert into payments_reviews (batch_id, seq, attempt, outcome, evidence_name, evidence, proposed_by)
    values (${p.batch_id}, ${p.seq}, ${p.attempt}, ${p.outcome}, ${p.evidence_name}, ${p.evidence}, ${p.by})
    on conflict (batch_id, seq, attempt) do update set
      outcome = excluded.outcome, evidence_name = excluded.evidence_name, evidence = excluded.evidence,
      proposed_by = excluded.proposed_by, proposed_at = excluded.proposed_at
    where payments_reviews.confirmed_by is null`)

export const selectEvidenceFile = (
  db: Reader,
  batch: bigint,
  seq: number,
): Promise<{ name: string; file: Buffer } | undefined> =>
  db.maybeOne(sql`
    select evidence_name as name, evidence as file from payments_reviews
    where batch_id = ${batch} and seq = ${seq} order by attempt desc limit 1`)

export const confirmProposal = (
  tx: Tx,
  batch: bigint,
  seq: number,
  attempt: number,
  by: string,
): Promise<{ outcome: 'PAID' | 'REFUSED'; proposed_by: string } | undefined> =>
  tx.maybeOne(sql`
    update payments_reviews set confirmed_by = ${by}, confirmed_at = cauri_now()
    where batch_id = ${batch} and seq = ${seq} and attempt = ${attempt} and confirmed_by is null
    returning outcome, proposed_by`)

export const selectEvidence = (
  db: Reader,
  batch: bigint,
  seq: number,
): Promise<{ attempt: number; at: Date; what: string; said: Record<string, unknown> }[]> =>
  db.many(sql`
    select attempt, at, what, said from payments_evidence where batch_id = ${batch} and seq = ${seq}
    order by id limit 200`)

/** A hint brings forward the question about a line that is already uncertain, at most once per 30 s; nothing else. */
export const hintPursuit = (db: Reader, reference: string): Promise<number> =>
  db.run(sql`
    update payments_pursuits set next_at = least(next_at, cauri_now()), hinted_at = cauri_now()
    where rail_reference = ${reference} and state = 'UNCERTAIN'
      and (hinted_at is null or hinted_at < cauri_now() - interval '30 seconds')`)

export const selectByReference = (
  db: Reader,
  reference: string,
): Promise<{ batch_id: bigint; seq: number } | undefined> =>
  db.maybeOne(sql`
    select batch_id, seq from payments_pursuits where rail_reference = ${reference} order by id desc limit 1`)

export const selectUncertainReference = async (
  db: Reader,
  batch: bigint,
  seq: number,
): Promise<string | undefined> =>
  (
    await db.maybeOne<{ rail_reference: string }>(sql`
      select rail_reference from payments_pursuits where batch_id = ${batch} and seq = ${seq} and state = 'UNCERTAIN'`)
  )?.rail_reference

/** When the line's range was claimed last: the moment before which nothing was sent. */
export const selectClaimedAt = async (db: Reader, batch: bigint, seq: number): Promise<Date | undefined> =>
  (
    await db.maybeOne<{ claimed_at: Date | null }>(sql`
      select max(claimed_at) as claimed_at from payments_ranges
      where batch_id = ${batch} and ${seq} between from_seq and to_seq and state <> 'FREED'`)
  )?.claimed_at ?? undefined
