import { randomBytes } from 'node:crypto'
import { record } from '../audit/index.ts'
import type { Db, Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { newId, sha256 } from '../platform/ids.ts'
import type { Identity } from './identity.ts'
import { personName } from './person.ts'
import * as q from './sql/sessions.ts'
import { issueAccess } from './token/access.ts'
import { keyFor, seal, unsealWith } from './token/seal.ts'

/** What a sign-in gives. The refresh token is opaque, 256 bits; only its sha256 is kept. */
export type Tokens = { readonly access: string; readonly refresh: string }

const REFRESH_BYTES = 32
const hashOf = (refresh: string): Buffer => sha256(`refresh\0${refresh}`)
const newRefresh = (): string => randomBytes(REFRESH_BYTES).toString('base64url')
/** Only the token itself gives this key: its row holds no more than the hash. */
const sealingKeyOf = (refresh: string): Buffer => keyFor(refresh, 'cauri identity successor')

/** Who signs in, from where, and whether he has shown a second factor. */
export type SignIn = {
  readonly person_id: bigint
  readonly device: q.Device
  readonly second_factor: boolean
}

/** Begins a sign-in: the first token of a new family. */
export async function openSession(tx: Tx, identity: Identity, { person_id, ...of }: SignIn): Promise<Tokens> {
  const id = newId('ses-')
  await q.insertSession(tx, { id, person_id, ...of, lasts_s: identity.limits.session_s })
  const refresh = await addToken(tx, identity, id, 1)
  return { access: await issueAccess(tx, identity, { person_id, session_id: id }), refresh }
}

async function addToken(
  tx: Tx,
  { limits }: Identity,
  session_id: string,
  generation: number,
): Promise<string> {
  const refresh = newRefresh()
  await q.insertToken(tx, { hash: hashOf(refresh), session_id, generation, lasts_s: limits.refresh_s })
  return refresh
}

type Session = { readonly id: string; readonly person_id: bigint }

/**
 * Spends a refresh token for the next pair. Who lost the answer may ask once more within ten seconds and gets the same
 * refresh token, as long as that one is unused; any other use of a spent token ends the whole session, since somebody has
 * a copy. Refuses AUTHENTICATION_REQUIRED for every token that is not good, without saying why.
 */
export async function refreshSession(db: Db, identity: Identity, refresh: string): Promise<Tokens> {
  const hash = hashOf(refresh)
  // Not thrown inside: the end of a session must be committed.
  const tokens = await db.tx(async (tx): Promise<Tokens | undefined> => {
    const session = await q.lockSessionOf(tx, hash)
    if (session?.is_open !== true) return undefined
    const token = await q.readToken(tx, hash, identity.limits.repeat_s)
    if (token.is_expired) return undefined
    if (!token.is_spent) return rotate(tx, identity, session, { refresh, hash, generation: token.generation })
    if (token.is_repeatable && token.sealed_successor !== null)
      return repeat(tx, identity, session, { refresh, hash, sealed: token.sealed_successor })
    await q.endSession(tx, session, 'REUSE')
    await record(tx, {
      actor: personName(session.person_id),
      action: 'session.reuse_detected',
      subject: session.id,
    })
    return undefined
  })
  if (tokens === undefined) throw new Refusal('AUTHENTICATION_REQUIRED')
  return tokens
}

async function rotate(
  tx: Tx,
  identity: Identity,
  session: Session,
  spent: { readonly refresh: string; readonly hash: Buffer; readonly generation: number },
): Promise<Tokens> {
  const next = await addToken(tx, identity, session.id, spent.generation + 1)
  await q.spendToken(tx, spent.hash, seal(sealingKeyOf(spent.refresh), spent.hash, Buffer.from(next)))
  return accessWith(tx, identity, session, next)
}

async function repeat(
  tx: Tx,
  identity: Identity,
  session: Session,
  spent: { readonly refresh: string; readonly hash: Buffer; readonly sealed: Buffer },
): Promise<Tokens> {
  await q.markRepeated(tx, spent.hash)
  const next = unsealWith([sealingKeyOf(spent.refresh)], spent.hash, spent.sealed).toString()
  return accessWith(tx, identity, session, next)
}

async function accessWith(tx: Tx, identity: Identity, session: Session, refresh: string): Promise<Tokens> {
  await q.touchSession(tx, session.id)
  const who = { person_id: session.person_id, session_id: session.id }
  return { access: await issueAccess(tx, identity, who), refresh }
}

/** Ends one sign-in of that person; answers whether there was one to end. */
export async function endSession(
  tx: Tx,
  of: Session,
  because: Extract<q.EndedBecause, 'LOGOUT' | 'REVOKED'>,
): Promise<boolean> {
  if ((await q.endSession(tx, of, because)) === 0) return false
  const action = because === 'LOGOUT' ? 'session.logout' : 'session.revoked'
  await record(tx, { actor: personName(of.person_id), action, subject: of.id })
  return true
}

/** Ends the sign-in that a refresh token belongs to, where it is that person's. An unknown token ends nothing. */
export async function logout(tx: Tx, person_id: bigint, refresh: string): Promise<void> {
  const session = await q.lockSessionOf(tx, hashOf(refresh))
  if (session?.person_id === person_id) await endSession(tx, session, 'LOGOUT')
}
