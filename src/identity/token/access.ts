import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Reader, Tx } from '../../platform/db.ts'
import type { Identity } from '../identity.ts'
import { sign, verify } from './jws.ts'
import { signingKey, verifyingKeys } from './keys.ts'

/** Who the tokens are for: this API, and nobody else. */
export const AUDIENCE = 'urn:cauri:api'

/** Exactly what we write; a token with anything more is not ours. Times are seconds since 1970. */
const claimsSchema = z.strictObject({
  iss: z.string(),
  aud: z.literal(AUDIENCE),
  sub: z.string().regex(/^[1-9]\d{0,17}$/),
  sid: z.string().regex(/^ses-[0-9a-z]{26}$/),
  jti: z.uuid(),
  iat: z.int(),
  exp: z.int(),
})

/** Whose token it is and of which sign-in; its times are judged once more with the session, by the same clock. */
export type AccessClaims = {
  readonly person_id: bigint
  readonly session_id: string
  readonly issued_at_s: number
  readonly expires_at_s: number
}

/** An access token for ten minutes. It says who and in which session; what he may do is read at each request. */
export async function issueAccess(
  tx: Tx,
  identity: Identity,
  who: { readonly person_id: bigint; readonly session_id: string },
): Promise<string> {
  const iat = Math.floor((await tx.now()).getTime() / 1_000)
  return sign(await signingKey(tx, identity), {
    iss: identity.issuer,
    aud: AUDIENCE,
    sub: String(who.person_id),
    sid: who.session_id,
    jti: randomUUID(),
    iat,
    exp: iat + identity.limits.access_s,
  })
}

/** What a genuine token for us claims; undefined for any other. Whether it is still good, the session says. */
export async function readAccess(
  db: Reader,
  identity: Identity,
  token: string,
): Promise<AccessClaims | undefined> {
  const expected = { issuer: identity.issuer, audience: AUDIENCE }
  const { success, data } = claimsSchema.safeParse(await verify(token, expected, verifyingKeys(db)))
  if (!success) return undefined
  if (data.exp - data.iat !== identity.limits.access_s) return undefined
  return {
    person_id: BigInt(data.sub),
    session_id: data.sid,
    issued_at_s: data.iat,
    expires_at_s: data.exp,
  }
}
