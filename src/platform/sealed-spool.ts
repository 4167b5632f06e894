import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { chmod, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

/** An upload that waits for its turn: on disk as noise, its key only in this process. */
export type SealedSpool = {
  readonly bytes: number
  /** All of it, in memory: call it when there is room. */
  readonly read: () => Promise<Buffer>
  readonly remove: () => Promise<void>
}

const NAME = /^sealed-[0-9a-f]{32}$/

/**
 * Receives an upload at the speed of its sender without holding it in memory, and without writing it anywhere in plain: a
 * crash leaves bytes that nobody can read. Answers undefined as soon as `max_bytes` is passed; then, and on any other
 * failure, nothing stays behind.
 */
export async function spoolSealed(
  stream: Readable,
  folder: string,
  { max_bytes }: { readonly max_bytes: number },
): Promise<SealedSpool | undefined> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
  const path = join(folder, `sealed-${randomBytes(16).toString('hex')}`)
  const [key, iv] = [randomBytes(32), randomBytes(12)]
  const cipher = createCipheriv('aes-256-gcm', key, iv)
  let bytes = 0
  let done = false
  const file = await open(path, 'wx', 0o600)
  try {
    for await (const piece of stream) {
      const chunk = Buffer.isBuffer(piece) ? piece : Buffer.from(String(piece))
      bytes += chunk.length
      if (bytes > max_bytes) return undefined
      await file.appendFile(cipher.update(chunk))
    }
    cipher.final()
    done = true
  } finally {
    await file.close()
    if (!done) await rm(path, { force: true })
  }
  const tag = cipher.getAuthTag()
  return {
    bytes,
    read: async () => {
      const decipher = createDecipheriv('aes-256-gcm', key, iv).setAuthTag(tag)
      return Buffer.concat([decipher.update(await readFile(path)), decipher.final()])
    },
    remove: () => rm(path, { force: true }),
  }
}

/** Deletes what a crash left behind: ours by their name, last written longer ago. Gives their number. */
export async function sweepSealedSpool(folder: string, older_than_ms: number): Promise<number> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  let swept = 0
  for (const name of await readdir(folder)) {
    if (!NAME.test(name)) continue
    const found = await stat(join(folder, name), { throwIfNoEntry: false })
    if (found === undefined || Date.now() - found.mtimeMs < older_than_ms) continue
    await rm(join(folder, name), { force: true })
    swept++
  }
  return swept
}
