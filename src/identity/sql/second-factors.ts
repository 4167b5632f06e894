import { sql, type Reader, type Tx } from '../../platform/db.ts'

export type FactorRow = {
  readonly sealed_secret: Buffer
  readonly is_confirmed: boolean
  readonly last_step: bigint
}

export async function hasSecondFactor(db: Reader, person_id: bigint): Promise<boolean> {
  const found = await db.maybeOne(sql`
    select person_id from identity_second_factors where person_id = ${person_id} and confirmed_at is not null`)
  return found !== undefined
}

/** Locked: two uses of one code come one after the other. */
export const lockFactor = (tx: Tx, person_id: bigint): Promise<FactorRow | undefined> =>
  tx.maybeOne(sql`
    select sealed_secret, confirmed_at is not null as is_confirmed, last_step from identity_second_factors
    where person_id = ${person_id} for update`)

/** In the place of one that was never confirmed; answers whether there was no confirmed one. */
export const putFactor = async (tx: Tx, person_id: bigint, sealed_secret: Buffer): Promise<boolean> =>
  (await tx.run(sql`
    insert into identity_second_factors as f (person_id, sealed_secret) values (${person_id}, ${sealed_secret})
    on conflict (person_id) do update set sealed_secret = ${sealed_secret}, created_at = cauri_now(), last_step = 0
    where f.confirmed_at is null`)) === 1

export const confirmFactor = (tx: Tx, person_id: bigint): Promise<number> =>
  tx.run(sql`
    update identity_second_factors set confirmed_at = cauri_now()
    where person_id = ${person_id} and confirmed_at is null`)

export const useStep = (tx: Tx, person_id: bigint, step: bigint): Promise<number> =>
  tx.run(sql`update identity_second_factors set last_step = ${step} where person_id = ${person_id}`)

export const insertRecoveryCodes = (tx: Tx, person_id: bigint, hashes: readonly Buffer[]): Promise<number> =>
  tx.run(sql`
    insert into identity_recovery_codes (person_id, hash) select ${person_id}, unnest(${[...hashes]}::bytea[])`)

export const useRecoveryCode = async (tx: Tx, person_id: bigint, hash: Buffer): Promise<boolean> =>
  (await tx.run(sql`
    update identity_recovery_codes set used_at = cauri_now()
    where person_id = ${person_id} and hash = ${hash} and used_at is null`)) === 1

export const deleteFactor = async (tx: Tx, person_id: bigint): Promise<boolean> =>
  (await tx.run(sql`delete from identity_second_factors where person_id = ${person_id}`)) === 1

/** Page by page, locked: none is set up anew meanwhile. */
export const lockFactorsAfter = (
  tx: Tx,
  after: bigint,
  limit: number,
): Promise<{ person_id: bigint; sealed_secret: Buffer }[]> =>
  tx.many(sql`
    select person_id, sealed_secret from identity_second_factors
    where person_id > ${after} order by person_id limit ${limit} for update`)

export const resealFactor = (tx: Tx, person_id: bigint, sealed_secret: Buffer): Promise<number> =>
  tx.run(sql`
    update identity_second_factors set sealed_secret = ${sealed_secret} where person_id = ${person_id}`)
