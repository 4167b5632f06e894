import { crc32, deflateSync } from 'node:zlib'
import sharp from 'sharp'

/** What somebody might send instead of a picture, and what is said to it. */
export type Hostile = { readonly name: string; readonly bytes: Buffer; readonly code: string }

export const EICAR = 'X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'

const chunk = (type: string, data: Buffer): Buffer => {
  const head = Buffer.alloc(8)
  head.writeUInt32BE(data.length, 0)
  head.write(type, 4, 'latin1')
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(Buffer.concat([head.subarray(4), data])), 0)
  return Buffer.concat([head, data, sum])
}

/** A PNG whose header says so many points; few of them are there. */
export function pngOf(width: number, height: number, before_image: readonly Buffer[] = []): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 0, 0, 0, 0], 8)
  const signature = Buffer.from('89504e470d0a1a0a', 'hex')
  const image = chunk('IDAT', deflateSync(Buffer.alloc(1_000)))
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    ...before_image,
    image,
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** A zip without entries: its end is all there is, and enough to be opened. */
const ARCHIVE = Buffer.concat([Buffer.from('504b0506', 'hex'), Buffer.alloc(18)])

export const pdfOf = (body: string, trailer = 'startxref\n0\n%%EOF\n'): Buffer =>
  Buffer.from(`%PDF-1.7\n${body}\ntrailer << /Size 1 >>\n${trailer}`, 'latin1')

const packed = (text: string): string => {
  const bytes = deflateSync(Buffer.from(text))
  return `1 0 obj << /Type /ObjStm /Filter /FlateDecode /Length ${bytes.length} >>\nstream\n${bytes.toString('latin1')}\nendstream endobj`
}

const gif = Buffer.concat([
  Buffer.from('47494638396101000100800000000000ffffff2c00000000010001000002024401003b', 'hex'),
])
const animation = chunk('acTL', Buffer.from('0000000200000000', 'hex'))

/** Each must be refused with a problem document, and nothing of it kept. */
export async function hostileCorpus(): Promise<readonly Hostile[]> {
  const jpeg = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#336699' } })
    .jpeg()
    .toBuffer()
  const png = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#336699' } })
    .png()
    .toBuffer()
  const webp = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#336699' } })
    .webp()
    .toBuffer()
  const broken = Buffer.from(png)
  broken[45] = (broken[45] ?? 0) ^ 0xff
  const type = 'DOCUMENT_TYPE_UNSUPPORTED'
  const [unreadable, unsafe] = ['DOCUMENT_UNREADABLE', 'DOCUMENT_UNSAFE']
  return [
    { name: 'GIFAR', bytes: Buffer.concat([gif, ARCHIVE]), code: type },
    { name: 'GIF', bytes: gif, code: type },
    { name: 'WebP', bytes: webp, code: type },
    {
      name: 'SVG',
      bytes: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
      code: type,
    },
    { name: 'HTML', bytes: Buffer.from('<!doctype html><script>alert(1)</script>'), code: type },
    { name: 'EICAR', bytes: Buffer.from(EICAR), code: type },
    { name: 'program', bytes: Buffer.concat([Buffer.from('MZ'), Buffer.alloc(500)]), code: type },
    { name: 'nothing', bytes: Buffer.alloc(0), code: type },
    {
      name: 'a JPEG’s first bytes only',
      bytes: Buffer.concat([Buffer.from('ffd8ffe0', 'hex'), Buffer.alloc(200)]),
      code: unreadable,
    },
    { name: 'JPEG and archive', bytes: Buffer.concat([jpeg, ARCHIVE]), code: unsafe },
    { name: 'JPEG and EICAR', bytes: Buffer.concat([jpeg, Buffer.from(EICAR)]), code: unsafe },
    {
      name: 'JPEG and script',
      bytes: Buffer.concat([jpeg, Buffer.from('<SCRIPT>alert(1)</SCRIPT>')]),
      code: unsafe,
    },
    {
      name: 'JPEG and PHP',
      bytes: Buffer.concat([jpeg, Buffer.from('<?php system($_GET[0]); ?>')]),
      code: unsafe,
    },
    {
      name: 'JPEG and PDF',
      bytes: Buffer.concat([jpeg.subarray(0, 20), Buffer.from('%PDF-1.4'), jpeg.subarray(20)]),
      code: unsafe,
    },
    { name: 'JPEG cut in half', bytes: jpeg.subarray(0, jpeg.length / 2), code: unreadable },
    { name: 'JPEG without its end', bytes: jpeg.subarray(0, -2), code: unreadable },
    { name: 'PNG and something', bytes: Buffer.concat([png, Buffer.from('more')]), code: unsafe },
    { name: 'PNG cut', bytes: png.subarray(0, -14), code: unreadable },
    { name: 'PNG with a wrong checksum', bytes: broken, code: unreadable },
    { name: 'PNG of 50,000 × 50,000', bytes: pngOf(50_000, 50_000), code: unreadable },
    { name: 'PNG of 40 million points and one line', bytes: pngOf(8_000, 5_001), code: unreadable },
    { name: 'PNG that has fewer points than it says', bytes: pngOf(4_000, 4_000), code: unreadable },
    { name: 'PNG that moves', bytes: pngOf(4, 4, [animation]), code: unsafe },
    { name: 'PDF without its end', bytes: pdfOf('1 0 obj << >> endobj', ''), code: unreadable },
    {
      name: 'PDF with something behind',
      bytes: Buffer.concat([pdfOf(''), Buffer.from('more')]),
      code: unreadable,
    },
    {
      name: 'PDF with JavaScript',
      bytes: pdfOf('1 0 obj << /S /JavaScript /JS (app.alert(1)) >> endobj'),
      code: unsafe,
    },
    {
      name: 'PDF with JavaScript, disguised',
      bytes: pdfOf('1 0 obj << /S /J#61vaScript /JS (x) >> endobj'),
      code: unsafe,
    },
    { name: 'PDF with JavaScript, packed', bytes: pdfOf(packed('1 0 << /S /JavaScript >>')), code: unsafe },
    { name: 'PDF that unpacks to gigabytes', bytes: pdfOf(packed(' '.repeat(30_000_000))), code: unreadable },
    { name: 'PDF that launches', bytes: pdfOf('1 0 obj << /S /Launch /F (cmd.exe) >> endobj'), code: unsafe },
    {
      name: 'PDF with a file inside',
      bytes: pdfOf('1 0 obj << /Type /EmbeddedFile >> endobj'),
      code: unsafe,
    },
    { name: 'PDF with a password', bytes: pdfOf('1 0 obj << /Encrypt 2 0 R >> endobj'), code: unreadable },
    { name: 'PDF and archive', bytes: Buffer.concat([ARCHIVE, pdfOf('')]), code: type },
  ]
}
