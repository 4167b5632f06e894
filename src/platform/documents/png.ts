import { crc32 } from 'node:zlib'
import type { Header } from './header.ts'

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex')
/** What a picture is made of. Text, colour profiles and dates are left behind unread: compressed ones may be bombs. */
const KEPT = new Set(['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND'])
/** The chunks of an animation (APNG). */
const ANIMATION = new Set(['acTL', 'fcTL', 'fdAT'])

export type Png = Header & {
  readonly is_animated: boolean
  /** The same picture, of the chunks that it needs. */
  readonly bare: Buffer
}

/**
 * Walks the chunks of a PNG (RFC 2083) without decoding anything. Undefined when it is not whole: a checksum that does not fit, no
 * picture in it, no end.
 */
export function readPng(bytes: Buffer): Png | undefined {
  if (!bytes.subarray(0, 8).equals(SIGNATURE)) return undefined
  const kept: Buffer[] = [SIGNATURE]
  let size: { readonly width: number; readonly height: number } | undefined
  let is_animated = false
  let has_picture = false
  let at = 8
  while (at + 12 <= bytes.length) {
    const length = bytes.readUInt32BE(at)
    const next = at + 12 + length
    if (next > bytes.length) return undefined
    const type = bytes.toString('latin1', at + 4, at + 8)
    if (crc32(bytes.subarray(at + 4, next - 4)) !== bytes.readUInt32BE(next - 4)) return undefined
    if ((type === 'IHDR') !== (at === 8)) return undefined
    if (type === 'IHDR') {
      if (length !== 13) return undefined
      size = { width: bytes.readUInt32BE(at + 8), height: bytes.readUInt32BE(at + 12) }
      if (size.width === 0 || size.height === 0) return undefined
    }
    has_picture ||= type === 'IDAT'
    is_animated ||= ANIMATION.has(type)
    if (KEPT.has(type)) kept.push(bytes.subarray(at, next))
    at = next
    if (type !== 'IEND') continue
    if (size === undefined || !has_picture) return undefined
    return { ...size, end: at, is_animated, bare: Buffer.concat(kept) }
  }
  return undefined
}
