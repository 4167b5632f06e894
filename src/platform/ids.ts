import { hash, randomBytes } from 'node:crypto'

export type BulkId = `bulk-${string}`

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** A time-ordered public id: 48 bits of milliseconds then 80 random bits, in 26 Crockford base-32 characters. */
export function newId<P extends string>(prefix: P, at: Date = new Date()): `${P}${string}` {
  let value = (BigInt(at.getTime()) << 80n) | BigInt(`0x${randomBytes(10).toString('hex')}`)
  let text = ''
  for (let i = 0; i < 26; i++) {
    text = ALPHABET.charAt(Number(value & 31n)) + text
    value >>= 5n
  }
  return `${prefix}${text}`
}

/** Gives 16 bytes (or the first 32 hex digits) the version (4) and variant bits of a UUIDv4 (RFC 9562 §5.4) and the usual text form. */
export function uuidV4From(bytes: Buffer | string): string {
  const hex = typeof bytes === 'string' ? bytes : bytes.toString('hex')
  const variant = (Number.parseInt(hex.charAt(16), 16) & 3) | 8
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant.toString(16)}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** The one-shot form is four times cheaper than a hash object, and there is one on the way of every payment. */
export const sha256 = (...parts: readonly (Buffer | string)[]): Buffer => {
  const [first] = parts
  if (first === undefined) return hash('sha256', '', 'buffer')
  if (parts.length === 1) return hash('sha256', first, 'buffer')
  return hash('sha256', Buffer.concat(parts.map((part) => Buffer.from(part))), 'buffer')
}
