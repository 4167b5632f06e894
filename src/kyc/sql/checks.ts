import { sql, type Reader, type Tx } from '../../platform/db.ts'
import type { IdType } from '../document.ts'
import type { CheckState } from '../check-state.ts'

export type CheckRow = {
  readonly id: string
  readonly person_id: bigint
  readonly state: CheckState
  readonly country: string
  readonly id_type: IdType
  readonly consent_id: bigint
  readonly document_ids: readonly string[]
  readonly replaces: string | null
  readonly attempt: number
  readonly provider: string | null
  readonly provider_job: string | null
  /** As a callback named it. */
  readonly hinted_job: string | null
  readonly asked: number
  readonly not_found: number
  readonly begun_at: Date | null
  readonly created_at: Date
  readonly ended_at: Date | null
  readonly outcome: string | null
  readonly reason: string | null
  readonly because: string | null
}

export type NewCheck = Pick<
  CheckRow,
  'id' | 'person_id' | 'country' | 'id_type' | 'consent_id' | 'document_ids' | 'replaces' | 'attempt'
> & { /** Seconds until it is handed over. */ readonly after_s: number }

export const insertCheck = (tx: Tx, one: NewCheck): Promise<number> =>
  tx.run(sql`
    insert into kyc_checks (id, person_id, country, id_type, consent_id, document_ids, replaces, attempt, next_at)
    values (${one.id}, ${one.person_id}, ${one.country}, ${one.id_type}, ${one.consent_id},
      ${[...one.document_ids]}::text[], ${one.replaces}, ${one.attempt},
      cauri_now() + ${`${one.after_s} seconds`}::interval)`)

export const findCheck = (db: Reader, id: string): Promise<CheckRow | undefined> =>
  db.maybeOne(sql`
    select id, person_id, state, country, id_type, consent_id, document_ids, replaces, attempt, provider, provider_job, hinted_job,
      asked, not_found, begun_at, created_at, ended_at, outcome, reason, because
    from kyc_checks where id = ${id}`)

export const lockCheck = (tx: Tx, id: string): Promise<CheckRow | undefined> =>
  tx.maybeOne(sql`
    select id, person_id, state, country, id_type, consent_id, document_ids, replaces, attempt, provider, provider_job, hinted_job,
      asked, not_found, begun_at, created_at, ended_at, outcome, reason, because
    from kyc_checks where id = ${id} for update`)

export const listChecks = (db: Reader, person_id: bigint): Promise<CheckRow[]> =>
  db.many(sql`
    select id, person_id, state, country, id_type, consent_id, document_ids, replaces, attempt, provider, provider_job, hinted_job,
      asked, not_found, begun_at, created_at, ended_at, outcome, reason, because
    from kyc_checks where person_id = ${person_id} order by created_at, id`)

/** The check that is under way, if any. */
export const findOpenCheck = (db: Reader, person_id: bigint): Promise<{ id: string } | undefined> =>
  db.maybeOne(sql`select id from kyc_checks where person_id = ${person_id} and ended_at is null`)

/** Open checks that are due, longest due first. */
export const listDue = (db: Reader, limit: number): Promise<{ id: string }[]> =>
  db.many(sql`
    select id from kyc_checks where ended_at is null and next_at <= cauri_now() order by next_at limit ${limit}`)

/**
 * Takes a due check for one look: until `claim_s` are over nobody else does. One that was PREPARED is UNCERTAIN from now on, before
 * the call: whatever happens to this process, it is asked about and not handed over again.
 */
export const claimCheck = (
  tx: Tx,
  id: string,
  { provider, claim_s }: { readonly provider: string; readonly claim_s: number },
): Promise<(CheckRow & { readonly was: CheckState }) | undefined> =>
  tx.maybeOne(sql`
    update kyc_checks c set
      state = case c.state when 'PREPARED' then 'UNCERTAIN' else c.state end,
      provider = coalesce(c.provider, ${provider}),
      begun_at = coalesce(c.begun_at, cauri_now()),
      asked = c.asked + 1,
      next_at = cauri_now() + ${`${claim_s} seconds`}::interval
    from (
      select id, state from kyc_checks where id = ${id} and ended_at is null and next_at <= cauri_now() for update
    ) b
    where c.id = b.id
    returning c.id, c.person_id, c.state, c.country, c.id_type, c.consent_id, c.document_ids, c.replaces, c.attempt,
      c.provider, c.provider_job, c.hinted_job, c.asked, c.not_found, c.begun_at, c.created_at, c.ended_at, c.outcome, c.reason,
      c.because, b.state as was`)

/** Still open: in which state, and when somebody looks again. What surely was not taken has not begun. */
export const waitOn = (
  tx: Tx,
  id: string,
  to: {
    readonly state: CheckState
    readonly after_s: number
    readonly provider_job: string | null
    readonly not_found: number
  },
): Promise<number> =>
  tx.run(sql`
    update kyc_checks set state = ${to.state}, provider_job = coalesce(${to.provider_job}, provider_job),
      not_found = ${to.not_found}, next_at = cauri_now() + ${`${to.after_s} seconds`}::interval,
      begun_at = case when ${to.state}::text = 'PREPARED' then null else begun_at end,
      provider = case when ${to.state}::text = 'PREPARED' then null else provider end
    where id = ${id}`)

export const giveUp = (tx: Tx, id: string, because: string): Promise<number> =>
  tx.run(sql`
    update kyc_checks set state = 'GIVEN_UP', because = ${because}, ended_at = cauri_now() where id = ${id}`)

export const decideCheck = (
  tx: Tx,
  id: string,
  said: {
    readonly outcome: string
    readonly reason: string
    readonly code: string
    readonly provider_job: string | null
    readonly found: {
      readonly key_version: string
      readonly wrapped_key: Buffer
      readonly bytes: Buffer
    } | null
  },
): Promise<number> =>
  tx.run(sql`
    update kyc_checks set state = 'DECIDED', outcome = ${said.outcome}, reason = ${said.reason}, code = ${said.code},
      provider_job = coalesce(${said.provider_job}, provider_job), ended_at = cauri_now(),
      found_key_version = ${said.found?.key_version ?? null}, found_wrapped_key = ${said.found?.wrapped_key ?? null},
      found_sealed = ${said.found?.bytes ?? null}
    where id = ${id}`)

/** A callback names the job: the next look comes forward, at most once per `every_s`. */
export const bringForward = async (
  tx: Tx,
  { job_id, provider_job }: { readonly job_id: string; readonly provider_job: string | null },
  every_s: number,
): Promise<boolean> =>
  (await tx.run(sql`
    update kyc_checks set next_at = least(next_at, cauri_now()), hinted_at = cauri_now(),
      hinted_job = coalesce(left(${provider_job}, 200), hinted_job)
    where id = ${job_id} and state in ('UNCERTAIN', 'SUBMITTED')
      and (hinted_at is null or hinted_at <= cauri_now() - ${`${every_s} seconds`}::interval)`)) === 1
