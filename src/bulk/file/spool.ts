import { createHash, randomBytes } from 'node:crypto'
import { chmod, mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { refuserIn } from './faults.ts'

export type Spooled = { readonly path: string; readonly bytes: number; readonly sha256: string }

const NAME = /^upload-[0-9a-f]{32}\.csv$/

/**
 * Writes an upload to a private file of its own (0600, in a folder 0700) while hashing it. The caller deletes the
 * file. Refuses FILE_TOO_LARGE as soon as `max_bytes` is passed, reading no further; on that and on any other failure,
 * an aborted upload included, nothing stays behind.
 */
export async function spool(
  stream: Readable,
  folder: string,
  { max_bytes }: { readonly max_bytes: number },
): Promise<Spooled> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700) // it may be older than this rule
  const path = join(folder, `upload-${randomBytes(16).toString('hex')}.csv`)
  const sha256 = createHash('sha256')
  let bytes = 0
  let done = false
  const file = await open(path, 'wx', 0o600)
  try {
    for await (const piece of stream) {
      const chunk = Buffer.isBuffer(piece) ? piece : Buffer.from(String(piece))
      bytes += chunk.length
      if (bytes > max_bytes) throw refuserIn('en')('bytes', { max: max_bytes })
      sha256.update(chunk)
      await file.appendFile(chunk)
    }
    done = true
  } finally {
    await file.close()
    if (!done) await rm(path, { force: true })
  }
  return { path, bytes, sha256: sha256.digest('hex') }
}

/** Deletes the uploads that a crash left behind: ours by their name, last written longer ago. Gives their number. */
export async function sweepSpool(folder: string, older_than_ms: number): Promise<number> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const names = (await readdir(folder)).filter((name) => NAME.test(name))
  let swept = 0
  for (const name of names) {
    const path = join(folder, name)
    const found = await stat(path, { throwIfNoEntry: false }) // its owner may delete it meanwhile
    if (found === undefined || Date.now() - found.mtimeMs < older_than_ms) continue
    await rm(path, { force: true })
    swept++
  }
  return swept
}
