import { sql, type Db, type Reader } from '../../platform/db.ts'
import type { ThrottleRule } from '../identity.ts'

/**
 * Counts one try, unless tries are refused just now: then nothing changes. One statement, so that a hundred at once are
 * counted one after the other; the count is made before the try, so that they cannot overtake it. Answers the seconds
 * still to wait, 0 when the try is allowed.
 */
export async function countTry(db: Reader, subject: Buffer, rule: ThrottleRule): Promise<number> {
  const { free, longest_s, forgotten_after_s } = rule
  const row = await db.maybeOne<{ counted: number }>(sql`
    insert into identity_throttles as t (subject, counted, begun_at, last_at, refused_until)
    values (${subject}, 1, cauri_now(), cauri_now(),
      case when ${free}::integer <= 1 then cauri_now() + interval '1 second' end)
    on conflict (subject) do update set (counted, begun_at, last_at, refused_until) = (
      select next.counted, case when next.counted = 1 then cauri_now() else t.begun_at end, cauri_now(),
        case when next.counted >= ${free}::integer then cauri_now()
          + least(power(2, least(next.counted - ${free}::integer, 30)), ${longest_s}::float8) * interval '1 second'
        end
      from (
        select case when t.begun_at < cauri_now() - ${forgotten_after_s}::float8 * interval '1 second' then 1
          else t.counted + 1 end as counted
      ) next)
    where t.refused_until is null or t.refused_until <= cauri_now()
    returning counted`)
  return row === undefined ? waitOf(db, subject) : 0
}

/**
 * Counts one of so many in a window that begins with the first. Answers the seconds until the window is over where there
 * were too many, 0 when it is allowed.
 */
export async function countInWindow(
  db: Reader,
  subject: Buffer,
  window: { readonly most: number; readonly lasts_s: number },
): Promise<number> {
  const row = await db.maybeOne<{ counted: number }>(sql`
    insert into identity_throttles as t (subject, counted, begun_at, last_at, refused_until)
    values (${subject}, 1, cauri_now(), cauri_now(), cauri_now() + ${window.lasts_s}::float8 * interval '1 second')
    on conflict (subject) do update set
      counted = case when t.refused_until <= cauri_now() then 1 else t.counted + 1 end,
      begun_at = case when t.refused_until <= cauri_now() then cauri_now() else t.begun_at end,
      refused_until = case when t.refused_until <= cauri_now()
        then cauri_now() + ${window.lasts_s}::float8 * interval '1 second' else t.refused_until end,
      last_at = cauri_now()
    where t.refused_until <= cauri_now() or t.counted < ${window.most}::integer
    returning counted`)
  return row === undefined ? waitOf(db, subject) : 0
}

async function waitOf(db: Reader, subject: Buffer): Promise<number> {
  const row = await db.maybeOne<{ wait_s: number }>(sql`
    select extract(epoch from refused_until - cauri_now())::float8 as wait_s
    from identity_throttles where subject = ${subject}`)
  return Math.max(1, Math.ceil(row?.wait_s ?? 1))
}

/** The tries were good ones: the count begins again. */
export const forgetTries = (db: Reader, subject: Buffer): Promise<number> =>
  db.run(sql`delete from identity_throttles where subject = ${subject}`)

/** One try was a good one: it does not count. */
export const takeBackTry = (db: Reader, subject: Buffer): Promise<number> =>
  db.run(sql`
    update identity_throttles set counted = greatest(0, counted - 1), refused_until = null where subject = ${subject}`)

/** What was not touched for a week says nothing any more. Answers how many rows went. */
export const cleanThrottles = (db: Db): Promise<number> =>
  db.run(sql`
    delete from identity_throttles where subject in (
      select subject from identity_throttles where last_at < cauri_now() - interval '7 days' limit 10000)`)
