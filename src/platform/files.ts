import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { assertNoTransaction } from './db.ts'

/**
 * Where bytes are kept that are too large for a row. A file is written first and the row that names it afterwards, in one
 * transaction: the row is the truth, and a file without one is swept. Never inside a transaction: a store may be a network away.
 */
export type FileStore = {
  /** Durable when it resolves. The name is ours, never a caller's. */
  readonly put: (name: string, bytes: Buffer) => Promise<void>
  /** Undefined when there is none. */
  readonly get: (name: string) => Promise<Buffer | undefined>
  /** Done twice it stays done. */
  readonly remove: (name: string) => Promise<void>
  /** Every file whose name begins so, in no order. */
  readonly list: (prefix: string) => AsyncIterable<StoredFile>
  readonly close: () => void
}
export type StoredFile = { readonly name: string; readonly written_at: Date }

/** `kyc/doc-01h…`: one folder, then a name of letters, digits and hyphens. */
const NAME = /^[a-z]{1,20}\/[a-z0-9-]{1,80}$/

export function assertFileName(name: string): void {
  if (!NAME.test(name))
    throw new Error(`not the name of a file of ours: ${JSON.stringify(name.slice(0, 100))}`)
}

/** Files in a folder of this machine: private (0600), written beside and renamed, so that a half one has no name. */
export function openFolderStore(root: string): FileStore {
  const pathOf = (name: string): string => {
    assertFileName(name)
    return join(root, name)
  }
  return {
    put: async (name, bytes) => {
      assertNoTransaction('writing a file')
      const path = pathOf(name)
      const folder = dirname(path)
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const beside = join(folder, `.${randomBytes(12).toString('hex')}`)
      try {
        await writeDurably(beside, bytes)
        await rename(beside, path)
      } catch (error) {
        await rm(beside, { force: true })
        throw error
      }
      await syncFolder(folder)
    },
    get: async (name) => {
      assertNoTransaction('reading a file')
      return readFile(pathOf(name)).catch(unlessAbsent)
    },
    remove: async (name) => {
      assertNoTransaction('removing a file')
      const path = pathOf(name)
      await rm(path, { force: true })
      await syncFolder(dirname(path)).catch(unlessAbsent)
    },
    list: (prefix) => listFolder(root, prefix),
    close: () => undefined,
  }
}

async function writeDurably(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A rename is durable when its folder is. */
async function syncFolder(folder: string): Promise<void> {
  const entry = await open(folder, 'r')
  try {
    await entry.sync()
  } finally {
    await entry.close()
  }
}

/** What a dead process left half written (its name begins with a dot) is no file: it is removed when it is old. */
async function* listFolder(root: string, prefix: string): AsyncIterable<StoredFile> {
  const [folder = ''] = prefix.split('/')
  const names = (await readdir(join(root, folder)).catch(unlessAbsent)) ?? []
  for (const name of names) {
    const found = await stat(join(root, folder, name)).catch(unlessAbsent)
    if (found === undefined) continue
    if (name.startsWith('.')) await sweepHalf(join(root, folder, name), found.mtimeMs)
    else if (`${folder}/${name}`.startsWith(prefix))
      yield { name: `${folder}/${name}`, written_at: found.mtime }
  }
}

const HALF_IS_DEAD_AFTER_MS = 3_600_000

async function sweepHalf(path: string, written_ms: number): Promise<void> {
  if (Date.now() - written_ms > HALF_IS_DEAD_AFTER_MS) await rm(path, { force: true })
}

function unlessAbsent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw error
}
