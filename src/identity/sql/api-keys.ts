import { sql, type Db, type Reader, type Tx } from '../../platform/db.ts'
import type { KeyMode } from '../api-key/token.ts'

export type ServiceAccount = {
  readonly id: bigint
  readonly name: string
  readonly created_by: string
  readonly created_at: Date
  readonly closed_at: Date | null
}

/** The open or closed account of that name, made where there is none, and locked: one maker of keys at a time. */
export async function ensureServiceAccount(
  tx: Tx,
  account: { readonly organization_id: bigint; readonly name: string; readonly created_by: string },
): Promise<{ readonly account: ServiceAccount; readonly is_new: boolean }> {
  const { organization_id, name, created_by } = account
  const made = await tx.run(sql`
    insert into identity_service_accounts (organization_id, name, created_by)
    values (${organization_id}, ${name}, ${created_by}) on conflict (organization_id, name) do nothing`)
  const found = await tx.one<ServiceAccount>(sql`
    select id, name, created_by, created_at, closed_at from identity_service_accounts
    where organization_id = ${organization_id} and name = ${name} for no key update`)
  return { account: found, is_new: made === 1 }
}

export const listServiceAccounts = (db: Reader, organization_id: bigint): Promise<ServiceAccount[]> =>
  db.many(sql`
    select id, name, created_by, created_at, closed_at from identity_service_accounts
    where organization_id = ${organization_id} order by id limit 1000`)

/** Answers its name, once: what is closed stays closed. */
export const closeServiceAccount = (
  tx: Tx,
  organization_id: bigint,
  id: bigint,
): Promise<{ name: string } | undefined> =>
  tx.maybeOne(sql`
    update identity_service_accounts set closed_at = cauri_now()
    where organization_id = ${organization_id} and id = ${id} and closed_at is null returning name`)

export type NewKey = {
  readonly public_id: string
  readonly organization_id: bigint
  readonly service_account_id: bigint
  readonly mode: KeyMode
  readonly scopes: readonly string[]
  readonly addresses: readonly string[]
  readonly created_by: string
  readonly created_person_id: bigint | null
  readonly expires_at: Date | null
}

export const insertKey = (tx: Tx, k: NewKey): Promise<number> =>
  tx.run(sql`
    insert into identity_api_keys (public_id, organization_id, service_account_id, mode, scopes, addresses, created_by,
      created_person_id, expires_at)
    values (${k.public_id}, ${k.organization_id}, ${k.service_account_id}, ${k.mode}, ${[...k.scopes]}::text[],
      ${[...k.addresses]}::text[], ${k.created_by}, ${k.created_person_id}, ${k.expires_at})`)

export const insertSecret = (
  tx: Tx,
  s: {
    readonly hash: Buffer
    readonly public_id: string
    readonly created_by: string
    readonly created_person_id: bigint | null
  },
): Promise<number> =>
  tx.run(sql`
    insert into identity_api_key_secrets (hash, public_id, created_by, created_person_id)
    values (${s.hash}, ${s.public_id}, ${s.created_by}, ${s.created_person_id})`)

/** The key, locked, unless it is revoked or another organisation's: whoever changes it comes one after the other. */
export const lockKey = (
  tx: Tx,
  organization_id: bigint,
  public_id: string,
): Promise<{ mode: KeyMode } | undefined> =>
  tx.maybeOne(sql`
    select mode from identity_api_keys
    where organization_id = ${organization_id} and public_id = ${public_id} and revoked_at is null for no key update`)

/** The secrets that are good now live so much longer at most. */
export const endSecrets = (tx: Tx, public_id: string, grace_s: number): Promise<number> =>
  tx.run(sql`
    update identity_api_key_secrets
    set expires_at = least(expires_at, cauri_now() + ${grace_s}::float8 * interval '1 second')
    where public_id = ${public_id} and (expires_at is null or expires_at > cauri_now())`)

export const revokeKey = (tx: Tx, public_id: string, by: string): Promise<number> =>
  tx.run(sql`
    update identity_api_keys set revoked_at = cauri_now(), revoked_by = ${by}
    where public_id = ${public_id} and revoked_at is null`)

export const revokeKeysOf = async (tx: Tx, service_account_id: bigint, by: string): Promise<string[]> =>
  (
    await tx.many<{ public_id: string }>(sql`
      update identity_api_keys set revoked_at = cauri_now(), revoked_by = ${by}
      where service_account_id = ${service_account_id} and revoked_at is null returning public_id`)
  ).map((row) => row.public_id)

export type KeyRow = {
  readonly public_id: string
  readonly service_account: string
  readonly mode: KeyMode
  readonly scopes: readonly string[]
  readonly addresses: readonly string[]
  readonly created_by: string
  readonly created_at: Date
  readonly expires_at: Date | null
  readonly revoked_at: Date | null
  readonly last_used_at: Date | null
  readonly last_address: string | null
  readonly is_good: boolean
}

/** Never a secret: there is none to read. The newest first. */
export const listKeys = (
  db: Reader,
  organization_id: bigint,
  public_id: string | null = null,
): Promise<KeyRow[]> =>
  db.many(sql`
    select k.public_id, a.name as service_account, k.mode, k.scopes, k.addresses, k.created_by, k.created_at, k.expires_at,
      k.revoked_at, k.last_used_at, k.last_address,
      k.revoked_at is null and (k.expires_at is null or k.expires_at > cauri_now()) as is_good
    from identity_api_keys k join identity_service_accounts a on a.id = k.service_account_id
    where k.organization_id = ${organization_id} and (${public_id}::text is null or k.public_id = ${public_id})
    order by k.created_at desc, k.public_id limit 1000`)

export type PresentedKey = {
  readonly public_id: string
  /** Of the secret. */
  readonly hash: Buffer
  readonly organization_id: bigint
  readonly mode: KeyMode
  readonly scopes: readonly string[]
  readonly addresses: readonly string[]
  /** Neither the key nor this secret of it is revoked or over. */
  readonly is_good: boolean
  /** Who knows it: who made the key, and who made this secret. */
  readonly people: readonly bigint[]
  /** Its last use was more than a minute ago. */
  readonly is_stale: boolean
}

/** Who presents this secret, and until when its address is refused for its wrong tries: seconds, 0 when it is not. */
export const findPresented = async (
  db: Reader,
  hash: Buffer | undefined,
  throttled: Buffer,
): Promise<{ readonly key: PresentedKey | undefined; readonly wait_s: number }> => {
  const { wait_s, ...key } = await db.one<PresentedKey & { readonly wait_s: number }>(sql`
    select k.public_id, s.hash, k.organization_id, k.mode, k.scopes, k.addresses,
      k.revoked_at is null and (k.expires_at is null or k.expires_at > cauri_now())
        and (s.expires_at is null or s.expires_at > cauri_now()) as is_good,
      array_remove(array[k.created_person_id, s.created_person_id], null) as people,
      k.last_used_at is null or k.last_used_at < cauri_now() - interval '1 minute' as is_stale,
      coalesce((select greatest(0, ceil(extract(epoch from t.refused_until - cauri_now())))
        from identity_throttles t where t.subject = ${throttled}), 0)::float8 as wait_s
    from (select 1) one
    left join identity_api_key_secrets s on s.hash = ${hash ?? null}
    left join identity_api_keys k on k.public_id = s.public_id`)
  // Arrays of bigint come as text.
  const people = key.people.map(BigInt)
  return { key: (key.public_id as string | null) === null ? undefined : { ...key, people }, wait_s }
}

/** Which of these secrets are good now, and what each may do. */
export const listGood = (
  db: Reader,
  hashes: readonly Buffer[],
): Promise<{ readonly hash: Buffer; readonly scopes: readonly string[] }[]> =>
  db.many(sql`
    select s.hash, k.scopes
    from identity_api_key_secrets s join identity_api_keys k on k.public_id = s.public_id
    where s.hash = any (${[...hashes]}::bytea[]) and k.revoked_at is null
      and (k.expires_at is null or k.expires_at > cauri_now())
      and (s.expires_at is null or s.expires_at > cauri_now())`)

/** Once a minute; who finds the row taken leaves it to the other. */
export const touchKey = (db: Db, public_id: string, address: string): Promise<number> =>
  db.run(sql`
    update identity_api_keys set last_used_at = cauri_now(), last_address = ${address.slice(0, 45)}
    where public_id = (
      select public_id from identity_api_keys
      where public_id = ${public_id} and (last_used_at is null or last_used_at < cauri_now() - interval '1 minute')
      for no key update skip locked)`)
