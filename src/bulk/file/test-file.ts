import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Refusal } from '../../platform/errors.ts'
import { type FileLimits, type FileSummary, type ReadOptions, readRows } from './read-rows.ts'
import type { Row } from './row.ts'

/** A folder for a test file's own CSV files, which deletes it at its end: `afterAll(emptyScratch)`. */
export const scratch = (): string => (folder ??= mkdtempSync(join(tmpdir(), 'cauri-bulk-file-')))
let folder: string | undefined

export function emptyScratch(): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  folder = undefined
}

export const pathOf = (): string => join(scratch(), `${randomUUID()}.csv`)

export function fileOf(content: string | Buffer): string {
  const path = pathOf()
  writeFileSync(path, content)
  return path
}

export const limits: FileLimits = { max_rows: 1_000_000, max_bytes: 268_435_456 }

export async function readAll(
  path: string,
  options: ReadOptions & Partial<FileLimits> = {},
): Promise<{ rows: Row[]; summary: FileSummary }> {
  const reader = readRows(path, { ...limits, ...options }, options)
  const rows: Row[] = []
  for await (const chunk of reader) rows.push(...chunk)
  return { rows, summary: reader.summary() }
}

/** What was refused, or an error when nothing was. */
export async function refusalOf(attempt: Promise<unknown>): Promise<Refusal> {
  try {
    await attempt
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
  throw new Error('nothing was refused')
}
