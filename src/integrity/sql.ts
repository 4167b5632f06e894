import { sql, type Reader, type Tx } from '../platform/db.ts'
import type { Breach } from '../platform/invariant.ts'

/** The letters «check»: one look at a time among all processes. It goes with the transaction, whatever happens. */
const LOOKING = 0x63_68_65_63_6b

export const lockLook = async (db: Reader): Promise<boolean> =>
  (await db.one<{ free: boolean }>(sql`select pg_try_advisory_xact_lock(${LOOKING}::bigint) as free`)).free

/**
 * Some room to hash many rows, and one core at most: who pays needs the others. In this transaction only; answers its
 * moment.
 */
export const beginLook = async (db: Reader): Promise<Date> =>
  (
    await db.one<{ at: Date }>(sql`
      select cauri_now() as at from (
        select set_config('work_mem', '32MB', true), set_config('max_parallel_workers_per_gather', '0', true)
      ) as modest`)
  ).at

export type CheckRow = {
  readonly checked_at: Date
  readonly checked_by: string
  readonly duration_ms: number
  readonly checked: readonly string[]
  readonly breaches: readonly Breach[]
}

export const insertCheck = async (tx: Tx, check: CheckRow): Promise<bigint> =>
  (
    await tx.one<{ id: bigint }>(sql`
      insert into integrity_checks (checked_at, checked_by, duration_ms, checked, breaches)
      values (${check.checked_at}, ${check.checked_by}, ${check.duration_ms}, ${check.checked}::text[],
        ${JSON.stringify(check.breaches)}::jsonb)
      returning id`)
  ).id

export const selectLastCheck = (db: Reader): Promise<CheckRow | undefined> =>
  db.maybeOne(sql`
    select checked_at, checked_by, duration_ms, checked, breaches from integrity_checks order by id desc limit 1`)

export type IntegrityFigures = {
  /** Invariants that the last check found broken. */
  readonly violations: number
  /** Seconds since 1970; 0 when there was no check. */
  readonly checked_at_s: number
}

/** What an operator watches of the last check. */
export const readIntegrity = async (db: Reader): Promise<IntegrityFigures> => {
  const last = await selectLastCheck(db)
  return {
    violations: new Set(last?.breaches.map(({ id }) => id)).size,
    checked_at_s: last === undefined ? 0 : last.checked_at.getTime() / 1_000,
  }
}
