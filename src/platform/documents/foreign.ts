/** What a harmless photo or scan does not hold. Long enough that noise does not spell it in ten million bytes. */
const WORDS = [
  'eicar-standard-antivirus-test-file',
  '<script',
  '<!doctype',
  '<iframe',
  '<?php ',
  '<html>',
  'this program cannot be run in dos mode',
].map((word) => Buffer.from(word))

/**
 * Whether the bytes could be taken for something else by another program: a page, a script, a virus scanner's test, or an
 * archive, which is read from its end.
 */
export function holdsForeign(bytes: Buffer): boolean {
  const lower = lowerCase(bytes)
  return WORDS.some((word) => lower.includes(word)) || endsAsArchive(bytes)
}

function lowerCase(bytes: Buffer): Buffer {
  const lower = Buffer.from(bytes)
  for (let i = 0; i < lower.length; i++) {
    const byte = lower[i] ?? 0
    if (byte >= 0x41 && byte <= 0x5a) lower[i] = byte + 0x20
  }
  return lower
}

const ARCHIVE_END = Buffer.from('504b0506', 'hex')
const ARCHIVE_END_BYTES = 22

/** A zip or jar: its directory's end within the last 64 KiB (APPNOTE 4.3.16), with a comment that reaches the file's end or not. */
function endsAsArchive(bytes: Buffer): boolean {
  const tail = bytes.subarray(-(ARCHIVE_END_BYTES + 0xffff))
  for (let at = tail.indexOf(ARCHIVE_END); at >= 0; at = tail.indexOf(ARCHIVE_END, at + 1)) {
    if (at + ARCHIVE_END_BYTES > tail.length) return false
    // Disk numbers are zero in every archive of today: four bytes of noise that spell the mark are not taken for one.
    if (tail.readUInt32LE(at + 4) === 0) return true
  }
  return false
}

/** PDF readers take a file for theirs when the header stands anywhere in its first 1,024 bytes. */
export const beginsAsPdf = (bytes: Buffer): boolean => bytes.subarray(0, 1_024).includes('%PDF-')
