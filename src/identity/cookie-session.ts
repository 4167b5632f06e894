import { randomBytes } from 'node:crypto'
import type { Db, Tx } from '../platform/db.ts'
import { newId, sha256 } from '../platform/ids.ts'
import type { Identity } from './identity.ts'
import type { SignIn } from './session.ts'
import * as q from './sql/sessions.ts'

const SECRET_BYTES = 32
const SECRET = /^[A-Za-z0-9_-]{43}$/
const hashOf = (secret: string): Buffer => sha256(`cookie\0${secret}`)

/** Begins a browser's sign-in. Answers what its cookie holds: opaque, 256 bits, kept as a hash only. */
export async function openCookieSession(tx: Tx, { limits }: Identity, as: SignIn): Promise<string> {
  const secret = randomBytes(SECRET_BYTES).toString('base64url')
  const id = newId('ses-')
  await q.insertSession(tx, { id, ...as, lasts_s: limits.cookie_session_s, cookie_hash: hashOf(secret) })
  return secret
}

/**
 * Whose cookie it is, while it is in use. Each use prolongs it, up to the end of its session; that is written down once a minute,
 * not at each request.
 */
export async function readCookie(
  db: Db,
  { limits }: Identity,
  secret: string,
): Promise<q.SignedBy | undefined> {
  if (!SECRET.test(secret)) return undefined
  const found = await q.findByCookie(db, hashOf(secret), {
    idle_s: limits.cookie_idle_s,
    touch_s: limits.cookie_touch_s,
  })
  if (found === undefined) return undefined
  if (found.is_touch_due) await q.touchOpen(db, found.session_id)
  return { session_id: found.session_id, person_id: found.person_id }
}
