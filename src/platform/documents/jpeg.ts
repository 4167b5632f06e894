import type { Header } from './header.ts'

/** Photos have one scan, or ten when they are progressive; each is decoded over the whole picture. */
const MOST_SCANS = 64
const EOI = 0xd9
const SOS = 0xda

/** SOF0 to SOF15, without DHT, JPG and DAC, which lie between them. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc

/** Markers that stand alone: TEM and RST0 to RST7. */
const isAlone = (marker: number): boolean => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)

/**
 * Walks the segments of a JPEG (ITU-T T.81 annex B) without decoding anything. Undefined when it is not whole: no frame, more
 * than one, no picture in it, no end.
 */
export function readJpeg(bytes: Buffer): Header | undefined {
  if (bytes.readUInt16BE(0) !== 0xffd8) return undefined
  let frame: { readonly width: number; readonly height: number } | undefined
  let scans = 0
  let at = 2
  while (at + 2 <= bytes.length) {
    if (bytes[at] !== 0xff) return undefined
    const marker = bytes[at + 1] ?? 0
    if (marker === 0xff) {
      at++ // a fill byte
      continue
    }
    if (marker === EOI) return frame && scans > 0 ? { ...frame, end: at + 2 } : undefined
    if (isAlone(marker)) {
      at += 2
      continue
    }
    if (at + 4 > bytes.length) return undefined
    const length = bytes.readUInt16BE(at + 2)
    const next = at + 2 + length
    if (length < 2 || next > bytes.length) return undefined
    if (isFrame(marker)) {
      if (frame !== undefined || length < 8) return undefined
      frame = { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) }
      if (frame.width === 0 || frame.height === 0) return undefined
    }
    at = next
    if (marker === SOS) {
      if (++scans > MOST_SCANS || frame === undefined) return undefined
      at = endOfScan(bytes, at)
    }
  }
  return undefined
}

/** Where the next marker stands: in a scan, FF is followed by 00 or is a restart. */
function endOfScan(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    const marker = bytes[at + 1]
    if (marker === undefined) return bytes.length
    if (marker !== 0 && marker !== 0xff && !isAlone(marker)) return at
  }
  return bytes.length
}
