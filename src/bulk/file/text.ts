import { open } from 'node:fs/promises'
import type { Refuse } from './faults.ts'

export type Encoding = 'UTF-8' | 'WINDOWS-1252' | 'UTF-16LE' | 'UTF-16BE'

/** Bytes read at a time: what one step of the whole reader may hold, so memory does not grow with the file. */
const CHUNK_BYTES = 65_536
const ZIP = Buffer.from('PK\u0003\u0004')

/**
 * Finds the encoding: a byte order mark, else UTF-8 if the whole file is, else Windows-1252 (every byte has a meaning
 * there, so it must come last). Refuses an empty file, one above `max_bytes`, and an Excel workbook.
 */
export async function findEncoding(path: string, max_bytes: number, refuse: Refuse): Promise<Encoding> {
  let bytes = 0
  let marked: Encoding | undefined
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  let is_utf8 = true
  for await (const chunk of readBytes(path)) {
    if (bytes === 0) {
      if (chunk.subarray(0, 4).equals(ZIP)) throw refuse('workbook')
      marked = encodingOfMark(chunk)
    }
    bytes += chunk.length
    if (bytes > max_bytes) throw refuse('bytes', { max: max_bytes })
    is_utf8 &&= marked === undefined && decoded(utf8, chunk) !== undefined
  }
  if (bytes === 0) throw refuse('empty')
  is_utf8 &&= decoded(utf8) !== undefined
  return marked ?? (is_utf8 ? 'UTF-8' : 'WINDOWS-1252')
}

/**
 * The file as text, piece by piece, without byte order mark and with every line ending in one LF (from CRLF, LF or a
 * lone CR). Refuses NUL, and bytes that do not belong to the encoding that the byte order mark announced.
 */
export async function* readText(path: string, encoding: Encoding, refuse: Refuse): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding, { fatal: true })
  let held = ''
  let line = 1
  const decode = (chunk?: Buffer): string => {
    const text = decoded(decoder, chunk)
    if (text === undefined) throw refuse('malformed', { encoding, line })
    return text
  }
  const clean = (piece: string, last: boolean): string => {
    let text = held + piece
    // A CR at the end of a piece may be the first half of a CRLF.
    held = !last && text.endsWith('\r') ? '\r' : ''
    if (held !== '') text = text.slice(0, -1)
    if (text.includes('\r')) text = text.replaceAll(/\r\n?/g, '\n')
    const nul = text.indexOf('\0')
    if (nul >= 0) throw refuse('nul', { line: line + countLines(text.slice(0, nul)) })
    line += countLines(text)
    return text
  }
  for await (const chunk of readBytes(path)) yield clean(decode(chunk), false)
  yield clean(decode(), true)
}

async function* readBytes(path: string): AsyncGenerator<Buffer> {
  const file = await open(path, 'r')
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

function encodingOfMark(start: Buffer): Encoding | undefined {
  if (start[0] === 0xff && start[1] === 0xfe) return 'UTF-16LE'
  if (start[0] === 0xfe && start[1] === 0xff) return 'UTF-16BE'
  if (start[0] === 0xef && start[1] === 0xbb && start[2] === 0xbf) return 'UTF-8'
  return undefined
}

/** TextDecoder throws a TypeError for malformed input, and there is no other way to ask: hence the catch. */
function decoded(decoder: TextDecoder, chunk?: Buffer): string | undefined {
  try {
    return decoder.decode(chunk, { stream: chunk !== undefined })
  } catch {
    return undefined
  }
}

/** How many lines end in a text whose lines end in LF. */
export function countLines(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++
  return count
}
