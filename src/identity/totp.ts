import { createHmac } from 'node:crypto'

/** Time-based one-time codes (RFC 6238): HMAC-SHA-1, thirty seconds, six digits, as every app has them. */
export const STEP_S = 30
export const SECRET_BYTES = 20

/** The step that a moment (seconds since 1970) is in. */
export const stepAt = (at_s: number): number => Math.floor(at_s / STEP_S)

/** The code of one step (RFC 4226 §5.3). */
export function totpAt(secret: Buffer, step: number): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const mac = createHmac('sha1', secret).update(counter).digest()
  const offset = mac.readUInt8(mac.length - 1) & 15
  return String((mac.readUInt32BE(offset) & 0x7fff_ffff) % 1_000_000).padStart(6, '0')
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** Base32 (RFC 4648 §6) without padding: what people copy into an app. */
export function base32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{1,5}/g) ?? [])
    .map((five) => ALPHABET.charAt(Number.parseInt(five.padEnd(5, '0'), 2)))
    .join('')
}

/** What the app reads from a QR code. */
export const otpauthUrl = (secret: Buffer, account: string): string =>
  `otpauth://totp/Cauri:${encodeURIComponent(account)}?secret=${base32(secret)}&issuer=Cauri&algorithm=SHA1&digits=6&period=${STEP_S}`
