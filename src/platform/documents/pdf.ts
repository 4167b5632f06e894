import { inflateSync } from 'node:zlib'

export type PdfFault = 'BROKEN' | 'ACTIVE' | 'LOCKED'

/** What a PDF could do by itself when it is opened, or carry along. */
const ACTIVE =
  /\/(?:JavaScript|Launch|EmbeddedFiles?|RichMedia|XFA|ImportData|SubmitForm|GoToE)(?![A-Za-z0-9])/
/** A reviewer could not open it, and we could not look into it. */
const LOCKED = /\/Encrypt(?![A-Za-z0-9])/
const HEADER = /^%PDF-[12]\.\d[\r\n ]/
/** The trailer points at the table of objects, and nothing but white space follows the mark of the end. */
const TRAILER = /startxref\s+\d+\s+%%EOF\s*$/

/** Together, whatever is packed: a small file may unpack to gigabytes. */
const MOST_UNPACKED_BYTES = 20_000_000
const MOST_PACKED_LISTS = 2_000

/**
 * Whether a PDF is whole and does nothing. It is read, never rendered: names are looked for in the file and in its packed lists of
 * objects (ISO 32000-1 §7.5.7). A list that cannot be unpacked within the limits is refused with the file.
 */
export function faultOfPdf(bytes: Buffer): PdfFault | undefined {
  const text = bytes.toString('latin1')
  if (!HEADER.test(text) || !TRAILER.test(text.slice(-1_024))) return 'BROKEN'
  const fault = faultIn(text)
  if (fault !== undefined) return fault
  const packed = unpackLists(bytes, text)
  return packed === undefined ? 'BROKEN' : faultIn(packed)
}

function faultIn(text: string): PdfFault | undefined {
  const plain = plainNames(text)
  if (ACTIVE.test(text) || ACTIVE.test(plain)) return 'ACTIVE'
  return LOCKED.test(plain) ? 'LOCKED' : undefined
}

const STREAM = /\bstream\r?\n/g
const LONGEST_DICTIONARY = 4_096

/** The objects that are kept packed, as text; undefined when one of them does not unpack. */
function unpackLists(bytes: Buffer, text: string): string | undefined {
  const parts: string[] = []
  let left = MOST_UNPACKED_BYTES
  for (const match of text.matchAll(STREAM)) {
    const dictionary = text.slice(Math.max(0, match.index - LONGEST_DICTIONARY), match.index)
    const own = dictionary.slice(dictionary.lastIndexOf(' obj') + 1)
    if (!/\/ObjStm(?![A-Za-z0-9])/.test(plainNames(own))) continue
    if (parts.length >= MOST_PACKED_LISTS) return undefined
    const unpacked = unpack(bytes.subarray(match.index + match[0].length), left)
    if (unpacked === undefined) return undefined
    left -= unpacked.length
    parts.push(unpacked.toString('latin1'))
  }
  return parts.join('\n')
}

/** A name may be written with any of its letters as `#4a` (§7.3.5). */
const plainNames = (text: string): string =>
  text.replaceAll(/#([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

function unpack(packed: Buffer, most: number): Buffer | undefined {
  if (most <= 0) return undefined
  try {
    return inflateSync(packed, { maxOutputLength: most })
  } catch {
    return undefined // not packed in the one way that we read, or larger than allowed: the caller refuses the file
  }
}
