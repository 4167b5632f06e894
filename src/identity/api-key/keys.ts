import { record } from '../../audit/index.ts'
import type { Tx } from '../../platform/db.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Identity } from '../identity.ts'
import * as q from '../sql/api-keys.ts'
import { keyName } from './act-as-key.ts'
import { keyHash, newKeyToken, newPublicId, type KeyMode } from './token.ts'

/** Who makes or changes keys: a member, or an operator on the machine, who is nobody's person. */
export type KeyMaker = {
  readonly organization_id: bigint
  readonly name: string
  readonly person_id: bigint | null
}

export type NewApiKey = {
  /** The program that owns it; made with its first key. */
  readonly service_account: string
  readonly scopes: readonly string[]
  readonly addresses: readonly string[]
  readonly expires_at: Date | null
}

/** A key with its secret, which nobody is shown again. */
export type ShownKey = { readonly key: q.KeyRow; readonly secret: string }

/** Makes a key. Refuses SERVICE_ACCOUNT_CLOSED, and KEY_EXPIRY_PAST. */
export async function createKey(
  tx: Tx,
  { key_mode }: Pick<Identity, 'key_mode'>,
  maker: KeyMaker,
  wanted: NewApiKey,
): Promise<ShownKey> {
  if (wanted.expires_at !== null && wanted.expires_at <= (await tx.now()))
    throw new Refusal('KEY_EXPIRY_PAST')
  const service_account_id = await serviceAccountOf(tx, maker, wanted.service_account)
  const public_id = newPublicId()
  const { scopes, addresses, expires_at } = wanted
  await q.insertKey(tx, {
    public_id,
    organization_id: maker.organization_id,
    service_account_id,
    mode: key_mode,
    scopes: [...new Set(scopes)],
    addresses,
    created_by: maker.name,
    created_person_id: maker.person_id,
    expires_at,
  })
  const secret = await addSecret(tx, maker, public_id, key_mode)
  const { service_account } = wanted
  const after = { service_account, scopes, addresses, expires_at: expires_at?.toISOString() ?? null }
  await note(tx, maker, 'key.created', keyName(public_id), { after })
  return { key: await readKeyRow(tx, maker, public_id), secret }
}

async function serviceAccountOf(tx: Tx, maker: KeyMaker, name: string): Promise<bigint> {
  const { organization_id } = maker
  const { account, is_new } = await q.ensureServiceAccount(tx, {
    organization_id,
    name,
    created_by: maker.name,
  })
  if (account.closed_at !== null) throw new Refusal('SERVICE_ACCOUNT_CLOSED')
  if (is_new) await note(tx, maker, 'service_account.created', `service:${account.id}`, { after: { name } })
  return account.id
}

async function addSecret(tx: Tx, maker: KeyMaker, public_id: string, mode: KeyMode): Promise<string> {
  const secret = newKeyToken(mode, public_id)
  await q.insertSecret(tx, {
    hash: keyHash(secret),
    public_id,
    created_by: maker.name,
    created_person_id: maker.person_id,
  })
  return secret
}

/** A new secret for a key; those before it live `grace_s` seconds more at most. Refuses KEY_NOT_FOUND, also for a revoked one. */
export async function rotateKey(
  tx: Tx,
  maker: KeyMaker,
  { public_id, grace_s }: { readonly public_id: string; readonly grace_s: number },
): Promise<ShownKey> {
  const { mode } = await lockedKey(tx, maker, public_id)
  await q.endSecrets(tx, public_id, grace_s)
  const secret = await addSecret(tx, maker, public_id, mode)
  await note(tx, maker, 'key.rotated', keyName(public_id), { detail: { grace_s } })
  return { key: await readKeyRow(tx, maker, public_id), secret }
}

/** Ends a key at once. Refuses KEY_NOT_FOUND. */
export async function revokeKey(tx: Tx, maker: KeyMaker, public_id: string): Promise<q.KeyRow> {
  await lockedKey(tx, maker, public_id)
  await q.revokeKey(tx, public_id, maker.name)
  await note(tx, maker, 'key.revoked', keyName(public_id), {})
  return readKeyRow(tx, maker, public_id)
}

/** Makes a program known before its first key. Refuses SERVICE_ACCOUNT_CLOSED; one that is there already stays as it is. */
export const openServiceAccount = (tx: Tx, maker: KeyMaker, name: string): Promise<bigint> =>
  serviceAccountOf(tx, maker, name)

/** Ends a program and every key of it. Refuses SERVICE_ACCOUNT_NOT_FOUND. */
export async function closeServiceAccount(tx: Tx, maker: KeyMaker, id: bigint): Promise<void> {
  const closed = await q.closeServiceAccount(tx, maker.organization_id, id)
  if (closed === undefined) throw new Refusal('SERVICE_ACCOUNT_NOT_FOUND')
  const revoked = await q.revokeKeysOf(tx, id, maker.name)
  await note(tx, maker, 'service_account.closed', `service:${id}`, { detail: { name: closed.name } })
  for (const public_id of revoked) await note(tx, maker, 'key.revoked', keyName(public_id), {})
}

async function lockedKey(tx: Tx, maker: KeyMaker, public_id: string): Promise<{ mode: KeyMode }> {
  const key = await q.lockKey(tx, maker.organization_id, public_id)
  if (key === undefined) throw new Refusal('KEY_NOT_FOUND')
  return key
}

async function readKeyRow(tx: Tx, { organization_id }: KeyMaker, public_id: string): Promise<q.KeyRow> {
  const [row] = await q.listKeys(tx, organization_id, public_id)
  if (row === undefined) throw new Refusal('KEY_NOT_FOUND')
  return row
}

const note = (
  tx: Tx,
  { name, organization_id }: KeyMaker,
  action: string,
  subject: string,
  more: Pick<Parameters<typeof record>[1], 'detail' | 'after'>,
): Promise<void> => record(tx, { actor: name, action, subject, organization_id, ...more })
