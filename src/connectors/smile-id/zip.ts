import { crc32 } from 'node:zlib'

export type ZipEntry = { readonly name: string; readonly bytes: Buffer }

const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const END = 0x06054b50
/** Version 1.0 of the format: nothing but stored files. */
const VERSION = 10
/** Names are UTF-8. */
const FLAGS = 0x0800
/** 1 January 1980, the earliest that the format knows: the same entries make the same bytes. */
const DATE = 0x0021

/** A zip archive whose files are stored, not compressed: photographs are compressed already. Sizes below 4 GiB. */
export function zipOf(entries: readonly ZipEntry[]): Buffer {
  const locals: Buffer[] = []
  const centrals: Buffer[] = []
  let offset = 0
  for (const { name, bytes } of entries) {
    const path = Buffer.from(name)
    const common = commonFields(bytes, path.length)
    const local = Buffer.alloc(30)
    local.writeUInt32LE(LOCAL, 0)
    common.copy(local, 4)
    const central = Buffer.alloc(46)
    central.writeUInt32LE(CENTRAL, 0)
    central.writeUInt16LE(VERSION, 4)
    common.copy(central, 6)
    central.writeUInt32LE(offset, 42)
    locals.push(local, path, bytes)
    centrals.push(central, path)
    offset += local.length + path.length + bytes.length
  }
  const directory = Buffer.concat(centrals)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(END, 0)
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, directory, end])
}

/** The 26 bytes that the header before a file and its entry in the directory share. */
function commonFields(bytes: Buffer, path_length: number): Buffer {
  const fields = Buffer.alloc(26)
  fields.writeUInt16LE(VERSION, 0)
  fields.writeUInt16LE(FLAGS, 2)
  fields.writeUInt16LE(DATE, 8)
  fields.writeUInt32LE(crc32(bytes), 10)
  fields.writeUInt32LE(bytes.length, 14)
  fields.writeUInt32LE(bytes.length, 18)
  fields.writeUInt16LE(path_length, 22)
  return fields
}
