import { sql, type Reader, type Tx } from '../../platform/db.ts'
import type { Currency } from '../../platform/money.ts'

export type TierName = 'T0' | 'T1' | 'T2'

/** Minor units; `balance` null: no limit of ours. */
export type TierLimits = {
  readonly per_transaction: bigint
  readonly per_day: bigint
  readonly per_month: bigint
  readonly balance: bigint | null
}

/** Those that count now. */
export const tierLimits = (db: Reader, tier: TierName, currency: Currency): Promise<TierLimits> =>
  db.one(sql`
    select per_transaction, per_day, per_month, balance from kyc_tiers
    where tier = ${tier} and currency = ${currency} and valid_from <= cauri_now()
    order by valid_from desc limit 1`)

export type Usage = {
  readonly person_id: bigint
  readonly currency: Currency
  readonly amount: bigint
  readonly reference: string
  readonly at: Date
}

/** What was moved in 24 hours and in 30 days; what lies later than `at` counts too, so that nothing is dated around a limit. */
export type Used = { readonly day: bigint; readonly month: bigint }

export const sumUsage = (
  db: Reader,
  { person_id, currency, at }: Pick<Usage, 'person_id' | 'currency' | 'at'>,
): Promise<Used> =>
  db.one(sql`
    select coalesce(sum(amount) filter (where at > ${at}::timestamptz - interval '24 hours'), 0)::bigint as day,
      coalesce(sum(amount), 0)::bigint as month
    from kyc_usage
    where person_id = ${person_id} and currency = ${currency} and released_at is null
      and at > ${at}::timestamptz - interval '30 days'`)

export const findUsage = (
  tx: Tx,
  reference: string,
): Promise<(Usage & { readonly released_at: Date | null }) | undefined> =>
  tx.maybeOne(sql`
    select person_id, currency, amount, reference, at, released_at from kyc_usage where reference = ${reference}`)

/** One that was released counts again. */
export const putUsage = (tx: Tx, one: Usage): Promise<number> =>
  tx.run(sql`
    insert into kyc_usage (person_id, currency, reference, amount, at)
    values (${one.person_id}, ${one.currency}, ${one.reference}, ${one.amount}, ${one.at})
    on conflict (reference) do update set at = excluded.at, released_at = null`)

export const releaseUsage = (tx: Tx, reference: string): Promise<number> =>
  tx.run(sql`
    update kyc_usage set released_at = cauri_now() where reference = ${reference} and released_at is null`)

export const listUsage = (db: Reader, person_id: bigint): Promise<Usage[]> =>
  db.many(sql`
    select person_id, currency, amount, reference, at from kyc_usage
    where person_id = ${person_id} and released_at is null order by at desc, id desc limit 1000`)

/** When the person last moved anything. */
export const lastUsage = (db: Reader, person_id: bigint): Promise<{ at: Date | null }> =>
  db.one(sql`select max(at) as at from kyc_usage where person_id = ${person_id}`)
