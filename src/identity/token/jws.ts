import type { KeyObject } from 'node:crypto'
import { calculateJwkThumbprint, errors, jwtVerify, SignJWT } from 'jose'

/**
 * Access tokens are JWTs (RFC 9068) with exactly one algorithm, EdDSA over Ed25519 (RFC 8037), and exactly one type. `jose`
 * signs and verifies; in front of it stands what it leaves open: the one spelling that we write ourselves, and nothing
 * else. docs/decisions/0021 says why both.
 */
export type SigningKey = { readonly kid: string; readonly private_key: KeyObject }

/** A public key as a JWK (RFC 8037 §2). */
export type Jwk = {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
  readonly kid: string
  readonly alg: 'EdDSA'
  readonly use: 'sig'
}

const ALG = 'EdDSA'
const TYP = 'at+jwt'
/** The protected header, byte for byte as `sign` writes it: no other member (`jku`, `x5u`, `jwk`, `zip` …), order or spelling. */
const HEADER = /^\{"alg":"EdDSA","typ":"at\+jwt","kid":"([A-Za-z0-9_-]{43})"\}$/
const MOST_CHARACTERS = 2_048
const OPENING_BRACE = 0x7b

export const sign = (
  { kid, private_key }: SigningKey,
  claims: Readonly<Record<string, unknown>>,
): Promise<string> => new SignJWT(claims).setProtectedHeader({ alg: ALG, typ: TYP, kid }).sign(private_key)

/** Where the key of that name is, and the time that counts: our own store and its clock, nothing else. */
export type KeyOf = (kid: string) => Promise<{ readonly jwk: Jwk; readonly now: Date } | undefined>

/**
 * The claims of a token that one of our keys signed for this audience and that is not over, or undefined for anything else.
 * No key is looked for before the token has its one form.
 */
export async function verify(
  token: string,
  expected: { readonly issuer: string; readonly audience: string },
  keyOf: KeyOf,
): Promise<unknown> {
  const kid = kidOf(token)
  const found = kid === undefined ? undefined : await keyOf(kid)
  if (found === undefined) return undefined
  const options = { ...expected, algorithms: [ALG], typ: TYP, currentDate: found.now }
  try {
    return (await jwtVerify(token, found.jwk, options)).payload
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined // not a token of ours, or no longer
    throw error
  }
}

/** The key that a token names, if it has three parts in canonical base64url, our own header, and JSON from its first byte. */
function kidOf(token: string): string | undefined {
  if (token.length > MOST_CHARACTERS) return undefined
  const [header, payload, signature, ...more] = token.split('.').map(decode)
  if (signature === undefined || more.length > 0) return undefined
  // `jose` would skip a byte order mark.
  return payload?.[0] === OPENING_BRACE ? HEADER.exec(header?.toString('latin1') ?? '')?.[1] : undefined
}

/** Base64url without padding, in its one canonical spelling: decoders skip loose bits, and some what they do not know. */
function decode(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}

export const jwkOf = (kid: string, raw: Buffer): Jwk => ({
  kty: 'OKP',
  crv: 'Ed25519',
  x: raw.toString('base64url'),
  kid,
  alg: ALG,
  use: 'sig',
})

/** The name of a key is its thumbprint (RFC 7638). */
export const thumbprintOf = (raw: Buffer): Promise<string> =>
  calculateJwkThumbprint({ kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') })
