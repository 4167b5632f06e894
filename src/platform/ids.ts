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

/** Gives 16 bytes the version (4) and variant bits of a UUIDv4 (RFC 9562 §5.4) and the usual text form. */
export function uuidV4From(bytes: Buffer): string {
  const hex = Buffer.from(bytes.subarray(0, 16))
  hex[6] = ((hex[6] ?? 0) & 0x0f) | 0x40
  hex[8] = ((hex[8] ?? 0) & 0x3f) | 0x80
  const t = hex.toString('hex')
  return `${t.slice(0, 8)}-${t.slice(8, 12)}-${t.slice(12, 16)}-${t.slice(16, 20)}-${t.slice(20)}`
}

/** The one-shot form is four times cheaper than a hash object, and there is one on the way of every payment. */
export const sha256 = (...parts: readonly (Buffer | string)[]): Buffer => {
  const [first] = parts
  if (first === undefined) return hash('sha256', '', 'buffer')
  if (parts.length === 1) return hash('sha256', first, 'buffer')
  return hash('sha256', Buffer.concat(parts.map((part) => Buffer.from(part))), 'buffer')
}
