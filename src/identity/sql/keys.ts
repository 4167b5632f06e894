import { sql, type Reader, type Tx } from '../../platform/db.ts'

export type KeyRow = {
  readonly kid: string
  readonly public_key: Buffer
  readonly sealed_private_key: Buffer
}

/** The newest key that may sign and that one of these secrets sealed. */
export const findSigningKey = (db: Reader, sealed_under: readonly Buffer[]): Promise<KeyRow | undefined> =>
  db.maybeOne(sql`
    select kid, public_key, sealed_private_key from identity_signing_keys
    where sealed_under = any (${sealed_under}::bytea[]) and sign_until > cauri_now()
    order by created_at desc, kid limit 1`)

/** The public half of a key that still verifies, and the time at which it does. */
export const findVerifyingKey = (
  db: Reader,
  kid: string,
): Promise<{ public_key: Buffer; now: Date } | undefined> =>
  db.maybeOne(sql`
    select public_key, cauri_now() as now from identity_signing_keys
    where kid = ${kid} and verify_until > cauri_now()`)

export const listVerifyingKeys = (db: Reader): Promise<Pick<KeyRow, 'kid' | 'public_key'>[]> =>
  db.many(sql`
    select kid, public_key from identity_signing_keys where verify_until > cauri_now()
    order by created_at desc, kid limit 100`)

/** One process makes a key at a time; the others then find it. */
export const lockKeys = (tx: Tx): Promise<number> =>
  tx.run(sql`select pg_advisory_xact_lock(hashtext('cauri signing keys'))`)

export const insertKey = (
  tx: Tx,
  key: KeyRow & { readonly sealed_under: Buffer; readonly signs_s: number; readonly verifies_s: number },
): Promise<number> =>
  tx.run(sql`
    insert into identity_signing_keys (kid, public_key, sealed_private_key, sealed_under, sign_until, verify_until)
    values (${key.kid}, ${key.public_key}, ${key.sealed_private_key}, ${key.sealed_under},
      cauri_now() + ${key.signs_s} * interval '1 second',
      cauri_now() + ${key.signs_s + key.verifies_s} * interval '1 second')`)

/** Every key that another secret has sealed, locked. */
export const listSealedElse = (
  tx: Tx,
  sealed_under: Buffer,
): Promise<(Omit<KeyRow, 'public_key'> & { readonly sealed_under: Buffer })[]> =>
  tx.many(sql`
    select kid, sealed_private_key, sealed_under from identity_signing_keys
    where sealed_under <> ${sealed_under} order by kid for update`)

export const resealKey = (
  tx: Tx,
  kid: string,
  to: { readonly sealed_private_key: Buffer; readonly sealed_under: Buffer },
): Promise<number> =>
  tx.run(sql`
    update identity_signing_keys
    set sealed_private_key = ${to.sealed_private_key}, sealed_under = ${to.sealed_under} where kid = ${kid}`)

/** They sign nothing more; what they signed is valid for `verifies_s` longer at most. */
export const retireKeys = (tx: Tx, verifies_s: number): Promise<number> =>
  tx.run(sql`
    update identity_signing_keys
    set sign_until = cauri_now(),
      verify_until = least(verify_until, cauri_now() + ${verifies_s} * interval '1 second')
    where sign_until > cauri_now()`)
