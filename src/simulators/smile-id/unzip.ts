import { crc32, inflateRawSync } from 'node:zlib'

/** The files of a zip archive, read from its directory as any reader does, each with its checksum verified; or what is wrong. */
export function unzip(archive: Buffer): ReadonlyMap<string, Buffer> | string {
  const end = archive.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
  if (end < 0 || end + 22 > archive.length) return 'not a zip archive'
  const count = archive.readUInt16LE(end + 10)
  const files = new Map<string, Buffer>()
  let at = archive.readUInt32LE(end + 16)
  if (at + archive.readUInt32LE(end + 12) !== end) return 'the directory is not where the archive says'
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || archive.readUInt32LE(at) !== 0x02014b50) return 'a broken directory'
    const [name_length, extra, comment] = [28, 30, 32].map((field) => archive.readUInt16LE(at + field))
    const name = archive.toString('utf8', at + 46, at + 46 + (name_length ?? 0))
    const file = readFileAt(archive, at, name)
    if (typeof file === 'string') return file
    if (files.has(name)) return `${name} is there twice`
    files.set(name, file)
    at += 46 + (name_length ?? 0) + (extra ?? 0) + (comment ?? 0)
  }
  return at === end ? files : 'a broken directory'
}

/** One file, whose entry of the directory begins at `entry`. Header and directory must agree. */
function readFileAt(archive: Buffer, entry: number, name: string): Buffer | string {
  const method = archive.readUInt16LE(entry + 10)
  const checksum = archive.readUInt32LE(entry + 16)
  const packed = archive.readUInt32LE(entry + 20)
  const size = archive.readUInt32LE(entry + 24)
  const header = archive.readUInt32LE(entry + 42)
  if (header + 30 > archive.length || archive.readUInt32LE(header) !== 0x04034b50)
    return `${name}: no header where the directory says`
  const name_length = archive.readUInt16LE(header + 26)
  const start = header + 30 + name_length + archive.readUInt16LE(header + 28)
  if (archive.toString('utf8', header + 30, header + 30 + name_length) !== name)
    return `${name}: another name in its header`
  if (archive.readUInt32LE(header + 14) !== checksum || archive.readUInt32LE(header + 18) !== packed)
    return `${name}: header and directory differ`
  const stored = archive.subarray(start, start + packed)
  const bytes = method === 8 ? inflateRawSync(stored) : stored
  if (method !== 0 && method !== 8) return `${name}: packed in a way that is not known`
  if (bytes.length !== size) return `${name}: another length than the directory says`
  return crc32(bytes) === checksum ? Buffer.from(bytes) : `${name}: wrong checksum`
}
