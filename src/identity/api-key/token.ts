import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { sha256 } from '../../platform/ids.ts'

/** Crockford's base 32, lower case: no letter that is taken for another. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const PUBLIC_LENGTH = 12
/** 160 random bits. */
const SECRET_BYTES = 20
const SECRET_LENGTH = 32
const CHECK_LENGTH = 7

/** live: of production; test: of a sandbox. One is worth nothing to the other. */
export type KeyMode = 'live' | 'test'

/**
 * `ck_live_` and the public id, then `_`, the secret and a checksum over all before it. The prefix and the checksum let a
 * scanner find a key in a place where none should be, and a typing error is told from a wrong key without asking anybody.
 */
const SHAPE = new RegExp(
  `^ck_(live|test)_([${ALPHABET}]{${PUBLIC_LENGTH}})_[${ALPHABET}]{${SECRET_LENGTH + CHECK_LENGTH}}$`,
)

export const newPublicId = (): string => base32(randomBytes(8)).slice(-PUBLIC_LENGTH)

/** A new secret for a key. It is shown once; only its hash is kept. */
export function newKeyToken(mode: KeyMode, public_id: string): string {
  const body = `ck_${mode}_${public_id}_${base32(randomBytes(SECRET_BYTES))}`
  return body + checksum(body)
}

/** What a well-formed key says of itself; undefined for one with a typing error. */
export function readKeyToken(token: string): { readonly mode: KeyMode; readonly hash: Buffer } | undefined {
  const [, mode] = SHAPE.exec(token) ?? []
  const body = token.slice(0, -CHECK_LENGTH)
  if ((mode !== 'live' && mode !== 'test') || checksum(body) !== token.slice(-CHECK_LENGTH)) return undefined
  return { mode, hash: keyHash(token) }
}

/** Random bits need no slow hash: there is nothing to guess them by. */
export const keyHash = (token: string): Buffer => sha256(token)

const checksum = (body: string): string => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32(body))
  return base32(bytes)
}

/** All bits, the last group filled with zeros on the left: 20 bytes are 32 letters, 8 are 13, 4 are 7. */
function base32(bytes: Buffer): string {
  let value = BigInt(`0x${bytes.toString('hex')}`)
  let text = ''
  for (let i = 0; i < Math.ceil((bytes.length * 8) / 5); i++) {
    text = ALPHABET.charAt(Number(value & 31n)) + text
    value >>= 5n
  }
  return text
}
