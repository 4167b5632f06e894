import type { Actor } from '../platform/context.ts'
import type { Db } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import type { Identity } from './identity.ts'
import { findSigned } from './sql/sessions.ts'
import { readAccess } from './token/access.ts'

/**
 * Who signs with this Authorization header (RFC 6750 §2.1). Roles and the session are read at each request: what is taken
 * away is gone at once. Refuses AUTHENTICATION_REQUIRED for anything but a good token.
 */
export async function authenticatePerson(db: Db, identity: Identity, authorization: string): Promise<Actor> {
  const token = /^bearer ([A-Za-z0-9._-]+)$/i.exec(authorization)?.[1]
  const claims = token === undefined ? undefined : await readAccess(db, identity, token)
  const signed = claims && (await findSigned(db, claims))
  if (claims === undefined || signed === undefined) throw new Refusal('AUTHENTICATION_REQUIRED')
  const { person_id, session_id } = claims
  return { kind: 'person', person_id, session_id, roles: signed.roles }
}
