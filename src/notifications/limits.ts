import { sql, type Tx } from '../platform/db.ts'

type Limit = {
  readonly scope: 'number' | 'prefix' | 'mailbox'
  readonly prefix: string
  readonly most: number
}

/**
 * Counts one SMS to a number (E.164) against the limits of the day: its own, its prefix's, everything's. Answers false
 * when one is reached; what was counted until then the caller rolls back. The rows stay locked until commit, the one
 * that everybody shares last: call it late.
 */
export async function countSms(tx: Tx, number: string): Promise<boolean> {
  const limits = await tx.many<Limit>(sql`
    select scope, prefix, most from notifications_limits
    where starts_with(${number}, prefix) order by length(prefix) desc`)
  const own = limits.find(({ scope }) => scope === 'number')
  if (own !== undefined && !(await bump(tx, own, number))) return false
  const [narrow, ...wider] = limits.filter(({ scope }) => scope === 'prefix')
  const everything = wider.find(({ prefix }) => prefix === '+')
  for (const limit of [narrow, everything])
    if (limit !== undefined && !(await bump(tx, limit, limit.prefix))) return false
  return true
}

/** The same for a mail: only its mailbox has a limit, for mail costs nothing and its servers have their own. */
export async function countMail(tx: Tx, address: string): Promise<boolean> {
  const limit = await tx.maybeOne<Limit>(sql`
    select scope, prefix, most from notifications_limits where scope = 'mailbox'`)
  return limit === undefined || bump(tx, limit, address.toLowerCase())
}

/** One statement, so that of many at once exactly as many pass as the limit allows. */
const bump = async (tx: Tx, { scope, most }: Limit, key: string): Promise<boolean> =>
  (await tx.run(sql`
    insert into notifications_counts as c (scope, key, day, sent)
    select ${scope}, ${key}, (cauri_now() at time zone 'UTC')::date, 1 where ${most}::int > 0
    on conflict (scope, key, day) do update set sent = c.sent + 1 where c.sent < ${most}::int`)) === 1

/** Replaces the limit of a destination, or adds one. `most` per day (UTC); 0 closes it. */
export const setLimit = (tx: Tx, { scope, prefix, most }: Limit): Promise<number> =>
  tx.run(sql`
    insert into notifications_limits (scope, prefix, most) values (${scope}, ${prefix}, ${most})
    on conflict (scope, prefix) do update set most = excluded.most`)
