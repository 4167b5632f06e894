import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'

/**
 * Compact JWS (RFC 7515 §7.1) with exactly one algorithm, EdDSA over Ed25519 (RFC 8037), and exactly one type, `at+jwt`
 * (RFC 9068). The header is read for its `kid` alone and must then be, byte for byte, the one that we write ourselves:
 * no other member (`jku`, `x5u`, `jwk`, `crit` …), spelling or order passes. docs/decisions/0019 says why it is ours.
 */
export type SigningKey = { readonly kid: string; readonly private_key: KeyObject }

const MOST_CHARACTERS = 2_048
const SIGNATURE_BYTES = 64
const KID = /^[A-Za-z0-9_-]{43}$/

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const headerOf = (kid: string): string => encode({ alg: 'EdDSA', typ: 'at+jwt', kid })

export function signJws({ kid, private_key }: SigningKey, claims: object): string {
  const input = `${headerOf(kid)}.${encode(claims)}`
  return `${input}.${sign(null, Buffer.from(input), private_key).toString('base64url')}`
}

/** Where the key of that name is: our own store, and nothing else. */
export type KeyOf = (kid: string) => Promise<KeyObject | undefined>

/**
 * The claims of a token that one of our keys signed, or undefined for anything else. Says nothing yet of what they claim:
 * issuer, audience and times are the caller's to judge.
 */
export async function verifyJws(token: string, keyOf: KeyOf): Promise<unknown> {
  if (token.length > MOST_CHARACTERS) return undefined
  const [header = '', payload = '', signature = '', ...more] = token.split('.')
  if (more.length > 0) return undefined
  const kid = memberOf(json(decode(header)), 'kid')
  if (typeof kid !== 'string' || !KID.test(kid) || header !== headerOf(kid)) return undefined
  const claims = decode(payload)
  const signed = decode(signature)
  if (claims === undefined || signed?.length !== SIGNATURE_BYTES) return undefined
  const key = await keyOf(kid)
  if (key?.asymmetricKeyType !== 'ed25519') return undefined
  return verify(null, Buffer.from(`${header}.${payload}`), key, signed) ? json(claims) : undefined
}

/** Base64url without padding and in its one canonical spelling: the decoder itself skips what it does not know. */
function decode(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.length > 0 && bytes.toString('base64url') === text ? bytes : undefined
}

function json(bytes: Buffer | undefined): unknown {
  try {
    return bytes === undefined ? undefined : (JSON.parse(bytes.toString('utf8')) as unknown)
  } catch {
    return undefined // not JSON: not a token of ours
  }
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (Reflect.get(value, name) as unknown) : undefined

/** A public key as a JWK (RFC 8037 §2). */
export type Jwk = {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
  readonly kid: string
  readonly alg: 'EdDSA'
  readonly use: 'sig'
}

export const jwkOf = (kid: string, raw: Buffer): Jwk => ({
  kty: 'OKP',
  crv: 'Ed25519',
  x: raw.toString('base64url'),
  kid,
  alg: 'EdDSA',
  use: 'sig',
})

export const publicKeyFrom = (raw: Buffer): KeyObject =>
  createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' })

/** The name of a key is its thumbprint (RFC 7638 §3): the members in alphabetical order, without spaces. */
export const kidOf = (raw: Buffer): string =>
  createHash('sha256')
    .update(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x: raw.toString('base64url') }))
    .digest('base64url')
