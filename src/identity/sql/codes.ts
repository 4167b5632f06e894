import { sql, type Tx } from '../../platform/db.ts'
import type { CodePurpose } from '../identity.ts'

/** A code belongs to a person, a phone and a purpose; with another of them it is worth nothing. */
export type CodeOwner = {
  readonly person_id: bigint
  readonly phone_number: string
  readonly purpose: CodePurpose
}

/**
 * How many codes went to that phone for that purpose in an hour and in a day, and the seconds until the oldest that
 * counts is too old to. The person's row is locked before.
 */
export const countSent = (
  tx: Tx,
  { phone_number, purpose }: CodeOwner,
): Promise<{ in_hour: bigint; in_day: bigint; hour_wait_s: number | null; day_wait_s: number | null }> =>
  tx.one(sql`
    select count(*) filter (where created_at > cauri_now() - interval '1 hour') as in_hour, count(*) as in_day,
      -- Who waited for the lock may have begun before the code was made that he counts.
      least(3600, extract(epoch from min(created_at) filter (where created_at > cauri_now() - interval '1 hour')
        + interval '1 hour' - cauri_now()))::float8 as hour_wait_s,
      least(86400, extract(epoch from min(created_at) + interval '1 day' - cauri_now()))::float8 as day_wait_s
    from identity_codes
    where phone_number = ${phone_number} and purpose = ${purpose} and created_at > cauri_now() - interval '1 day'`)

export const insertCode = (
  tx: Tx,
  code: CodeOwner & { readonly code_hash: Buffer; readonly lasts_s: number },
): Promise<number> =>
  tx.run(sql`
    insert into identity_codes (person_id, phone_number, purpose, code_hash, expires_at)
    values (${code.person_id}, ${code.phone_number}, ${code.purpose}, ${code.code_hash},
      cauri_now() + ${code.lasts_s}::float8 * interval '1 second')`)

/** The newest code of its owner that may still be tried, if any. The person's row is locked before. */
export const findLiveCode = (
  tx: Tx,
  { person_id, phone_number, purpose }: CodeOwner,
  most_tries: number,
): Promise<{ id: bigint; code_hash: Buffer } | undefined> =>
  tx.maybeOne(sql`
    select id, code_hash from (
      select id, code_hash, tries, used_at, expires_at from identity_codes
      where person_id = ${person_id} and phone_number = ${phone_number} and purpose = ${purpose}
      order by id desc limit 1) newest
    where used_at is null and tries < ${most_tries} and expires_at > cauri_now()`)

export const countCodeTry = (tx: Tx, id: bigint): Promise<number> =>
  tx.run(sql`update identity_codes set tries = tries + 1 where id = ${id}`)

export const useCode = (tx: Tx, id: bigint): Promise<number> =>
  tx.run(sql`update identity_codes set used_at = cauri_now() where id = ${id} and used_at is null`)

export async function readFailures(tx: Tx, { person_id, purpose }: CodeOwner): Promise<number> {
  const row = await tx.maybeOne<{ failures: number }>(sql`
    select failures from identity_code_failures where person_id = ${person_id} and purpose = ${purpose}`)
  return row?.failures ?? 0
}

export const countFailure = (tx: Tx, { person_id, purpose }: CodeOwner): Promise<number> =>
  tx.run(sql`
    insert into identity_code_failures as f (person_id, purpose, failures) values (${person_id}, ${purpose}, 1)
    on conflict (person_id, purpose) do update set failures = f.failures + 1`)

export const clearFailures = (
  tx: Tx,
  { person_id, purpose }: Pick<CodeOwner, 'person_id' | 'purpose'>,
): Promise<number> =>
  tx.run(sql`delete from identity_code_failures where person_id = ${person_id} and purpose = ${purpose}`)

/**
 * Takes one of this hour's wrong codes of everybody, before the code is looked at; answers whether there was one left.
 * The row stays locked to the end of the transaction: nobody overtakes the count.
 */
export const takeBudget = async (tx: Tx, most: number): Promise<boolean> =>
  (await tx.run(sql`
    insert into identity_code_budgets as b (hour, failures) values (date_trunc('hour', cauri_now()), 1)
    on conflict (hour) do update set failures = b.failures + 1 where b.failures < ${most}`)) === 1

/** The code was right: it does not count. */
export const giveBudgetBack = (tx: Tx): Promise<number> =>
  tx.run(sql`
    update identity_code_budgets set failures = failures - 1
    where hour = date_trunc('hour', cauri_now()) and failures > 0`)
