import type { Actor } from '../../platform/context.ts'
import type { Db } from '../../platform/db.ts'
import { Refusal } from '../../platform/errors.ts'
import { isAmong } from '../../platform/http/caller-address.ts'
import type { Identity } from '../identity.ts'
import type { Rule } from '../matrix.ts'
import { findPresented, touchKey, type PresentedKey } from '../sql/api-keys.ts'
import { countTry } from '../sql/throttles.ts'
import { networkOf } from '../throttle.ts'
import { readKeyToken } from './token.ts'

/** What a call with a key says, before anything of it is believed. */
export type Presented = {
  readonly authorization?: string
  readonly address: string
}

const BEARER_KEY = /^bearer (ck_[A-Za-z0-9_]{1,200})$/i

/** Whether these credentials are a key's, good or not. */
export const isKey = (authorization: string | undefined): authorization is string =>
  authorization !== undefined && BEARER_KEY.test(authorization)

/**
 * Who calls with a key, for his organisation: only what is among the key's scopes and open to keys at all. The same
 * AUTHENTICATION_REQUIRED for a key that is unknown, revoked, over, of the other mode, or used from elsewhere.
 */
export async function actAsKey(
  db: Db,
  identity: Identity,
  presented: Presented & { readonly organization?: string },
  { action, rule }: { readonly action: string; readonly rule: Rule },
): Promise<Actor> {
  const key = await readKey(db, identity, presented)
  if (rule.of !== 'organization' || !rule.key || !key.scopes.includes(action))
    throw new Refusal('NOT_ALLOWED')
  const { organization_id, public_id, people, hash } = key
  if (presented.organization !== undefined && presented.organization !== String(organization_id))
    throw new Refusal('ORGANIZATION_NOT_FOUND')
  return {
    kind: 'organization',
    organization_id,
    name: keyName(public_id),
    behind: people,
    secret_hash: hash,
  }
}

/** A key as the audit trail names it. */
export const keyName = (public_id: string): string => `key:${public_id}`

/**
 * The key of good credentials. A secret that nobody was given costs its address a try, and after too many everything with a
 * key is refused from there for a while (TOO_MANY_REQUESTS). One that was good once is no guess: it costs nothing, else
 * one forgotten program would lock out the others behind the same address.
 */
export async function readKey(
  db: Db,
  identity: Identity,
  { authorization, address }: Presented,
): Promise<PresentedKey> {
  const token = BEARER_KEY.exec(authorization ?? '')?.[1]
  const said = token === undefined ? undefined : readKeyToken(token)
  const throttled = identity.digest('key address', networkOf(address))
  const { key, wait_s } = await findPresented(db, said?.hash, throttled)
  if (wait_s > 0) throw tooMany(wait_s)
  if (key === undefined) {
    const longer_s = await countTry(db, throttled, identity.limits.login_address)
    throw longer_s > 0 ? tooMany(longer_s) : new Refusal('AUTHENTICATION_REQUIRED')
  }
  const is_from_there = key.addresses.length === 0 || isAmong(address, key.addresses)
  if (!key.is_good || key.mode !== identity.key_mode || !is_from_there)
    throw new Refusal('AUTHENTICATION_REQUIRED')
  // Beside the call: nobody waits for it, and a use that is not written down is no reason to refuse one.
  if (key.is_stale) void touchKey(db, key.public_id, address).catch(() => undefined)
  return key
}

const tooMany = (wait_s: number): Refusal => new Refusal('TOO_MANY_REQUESTS', { retry_after_s: wait_s })
