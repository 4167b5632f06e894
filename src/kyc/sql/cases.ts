import { sql, type Reader, type Tx } from '../../platform/db.ts'
import type { KycEvent } from '../status.ts'

/** Where the proof of an identity stands, beside the status. `document_expires_on` is `2031-12-31`. */
export type Case = {
  readonly reason: string | null
  readonly note: string | null
  readonly refused_by_provider: boolean
  readonly submitted_at: Date | null
  readonly decided_at: Date | null
  readonly review_since: Date | null
  readonly document_expires_on: string | null
  readonly first_approval_by: bigint | null
  readonly first_approval_at: Date | null
}

const NOTHING: Case = {
  reason: null,
  note: null,
  refused_by_provider: false,
  submitted_at: null,
  decided_at: null,
  review_since: null,
  document_expires_on: null,
  first_approval_by: null,
  first_approval_at: null,
}

/** Nothing has happened yet where there is no row. */
export const readCase = async (db: Reader, person_id: bigint): Promise<Case> =>
  (await db.maybeOne<Case>(sql`
    select reason, note, refused_by_provider, submitted_at, decided_at, review_since,
      document_expires_on::text as document_expires_on, first_approval_by, first_approval_at
    from kyc_cases where person_id = ${person_id}`)) ?? NOTHING

/** The person's row is locked by the caller. */
export const putCase = (tx: Tx, person_id: bigint, one: Case): Promise<number> =>
  tx.run(sql`
    insert into kyc_cases (person_id, reason, note, refused_by_provider, submitted_at, decided_at, review_since,
      document_expires_on, first_approval_by, first_approval_at)
    values (${person_id}, ${one.reason}, ${one.note}, ${one.refused_by_provider}, ${one.submitted_at},
      ${one.decided_at}, ${one.review_since}, ${one.document_expires_on}::date, ${one.first_approval_by},
      ${one.first_approval_at})
    on conflict (person_id) do update set reason = excluded.reason, note = excluded.note,
      refused_by_provider = excluded.refused_by_provider, submitted_at = excluded.submitted_at,
      decided_at = excluded.decided_at, review_since = excluded.review_since,
      document_expires_on = excluded.document_expires_on, first_approval_by = excluded.first_approval_by,
      first_approval_at = excluded.first_approval_at`)

export type Decision = {
  readonly decided_by: string
  readonly event: KycEvent
  readonly from_status: string
  readonly to_status: string
  readonly reason: string | null
  readonly note: string | null
  readonly check_id: string | null
}

export const insertDecision = (tx: Tx, person_id: bigint, one: Decision): Promise<number> =>
  tx.run(sql`
    insert into kyc_decisions (person_id, decided_by, event, from_status, to_status, reason, note, check_id)
    values (${person_id}, ${one.decided_by}, ${one.event}, ${one.from_status}, ${one.to_status}, ${one.reason},
      ${one.note}, ${one.check_id})`)

export const listDecisions = (db: Reader, person_id: bigint): Promise<(Decision & { readonly at: Date })[]> =>
  db.many(sql`
    select decided_by, event, from_status, to_status, reason, note, check_id, at from kyc_decisions
    where person_id = ${person_id} order by id`)

/** Files that people must look at, longest waiting first, after the one given. */
export const listForReview = (
  db: Reader,
  {
    after,
    limit,
  }: { readonly after?: { readonly since: Date; readonly id: bigint } | undefined; readonly limit: number },
): Promise<(Case & { readonly person_id: bigint; readonly review_since: Date })[]> =>
  db.many(sql`
    select person_id, reason, note, refused_by_provider, submitted_at, decided_at, review_since,
      document_expires_on::text as document_expires_on, first_approval_by, first_approval_at
    from kyc_cases
    where review_since is not null and (${after?.since ?? null}::timestamptz is null
      or (review_since, person_id) > (${after?.since ?? null}::timestamptz, ${after?.id ?? null}::bigint))
    order by review_since, person_id limit ${limit}`)
