import { hash } from 'node:crypto'
import type { Fault } from '../../platform/errors.ts'
import { type CellFault, describe, explain, type Particulars } from './explain.ts'
import { faultAt } from './faults.ts'
import { type FileLimits, type FileSummary, type ReadOptions, readRows } from './read-rows.ts'

/** Transfer ids that may not be used: how many rows, and the first hundred. */
export type TakenIds = {
  readonly count: number
  readonly errors: readonly Fault[]
  /** Of the whole file, which was read on the way. */
  readonly summary: FileSummary
}

type Options = Pick<ReadOptions, 'language'>
const MAX_LISTED = 100
/** Ids followed at once while listing: far more than are listed, few enough for memory. */
const MAX_FOLLOWED = 10_000
const LOOKUP_IDS = 1000

/**
 * The rows whose transferId stands on an earlier line of the same file. The database's unique index is what forbids
 * them; this finds out which they are. First pass: 8 bytes per row, sorted. Second pass, only when some repeat: both
 * lines of up to a hundred. Refuses like `readRows`; rows that are faulty themselves are passed over.
 */
export async function findDuplicates(
  path: string,
  limits: FileLimits,
  { language = 'fr' }: Options = {},
): Promise<TakenIds> {
  const reader = readRows(path, limits, { language, past_faults: true })
  let hashes = new BigUint64Array(1024)
  let size = 0
  for await (const rows of reader) {
    for (const { transfer_id } of rows) {
      if (transfer_id === '') continue
      if (size === hashes.length) hashes = grown(hashes)
      hashes[size++] = hashOf(transfer_id)
    }
  }
  const summary = reader.summary()
  const { count, repeated } = repeatsIn(hashes.subarray(0, size).sort())
  if (count === 0) return { count, errors: [], summary }

  const errors: Fault[] = []
  const first = new Map<bigint, { readonly id: string; readonly line: number }>()
  for await (const rows of readRows(path, limits, { language, past_faults: true })) {
    for (const { transfer_id, line } of rows) {
      const key = hashOf(transfer_id)
      if (!repeated.has(key)) continue
      const seen = first.get(key)
      if (seen === undefined) first.set(key, { id: detached(transfer_id), line })
      else if (seen.id === transfer_id)
        errors.push(
          idFault(summary, language, ['TRANSFER_ID_DUPLICATE', line, transfer_id, { found: seen.line }]),
        )
      if (errors.length === MAX_LISTED) return { count, errors, summary }
    }
  }
  return { count, errors, summary }
}

/**
 * The rows whose transferId was used before: `lookup` is asked about a thousand ids at a time and answers those that
 * are taken. Counts all, lists up to a hundred. Refuses like `readRows`.
 */
export async function findUsed(
  path: string,
  limits: FileLimits,
  { lookup, language = 'fr' }: Options & { readonly lookup: (ids: string[]) => Promise<readonly string[]> },
): Promise<TakenIds> {
  const reader = readRows(path, limits, { language, past_faults: true })
  const listed: { readonly id: string; readonly line: number }[] = []
  let count = 0
  let asked = new Map<string, number[]>()
  const ask = async (): Promise<void> => {
    const ids = [...asked.keys()]
    for (const id of ids.length === 0 ? [] : await lookup(ids)) {
      for (const line of asked.get(id) ?? []) {
        count++
        if (listed.length < MAX_LISTED) listed.push({ id: detached(id), line })
      }
    }
    asked = new Map()
  }
  for await (const rows of reader) {
    for (const { transfer_id, line } of rows) {
      if (transfer_id === '') continue
      const lines = asked.get(transfer_id)
      if (lines === undefined) asked.set(transfer_id, [line])
      else lines.push(line)
      if (asked.size === LOOKUP_IDS) await ask()
    }
  }
  await ask()
  listed.sort((a, b) => a.line - b.line)
  const summary = reader.summary()
  const errors = listed.map(({ id, line }) => idFault(summary, language, ['TRANSFER_ID_USED', line, id, {}]))
  return { count, errors, summary }
}

function idFault(
  { columns }: FileSummary,
  language: 'fr' | 'en',
  [code, line, cell, particulars]: readonly [CellFault, number, string, Particulars],
): Fault {
  const place = { line, ...(columns.transfer_id === undefined ? {} : { column: columns.transfer_id }) }
  const sentence = describe({ ...place, cell }, explain(code, cell, particulars))
  return faultAt(place, code, sentence[language])
}

/** The first 64 bits of SHA-256: two ids of a million share them once in 40 million files, and the ids are compared. */
function hashOf(id: string): bigint {
  const bytes = hash('sha256', id, 'latin1')
  let value = 0n
  for (let i = 0; i < 8; i += 2)
    value = (value << 16n) | BigInt((bytes.charCodeAt(i) << 8) | bytes.charCodeAt(i + 1))
  return value
}

function grown(from: BigUint64Array<ArrayBuffer>): BigUint64Array<ArrayBuffer> {
  const to = new BigUint64Array(2 * from.length)
  to.set(from)
  return to
}

function repeatsIn(sorted: BigUint64Array): { count: number; repeated: ReadonlySet<bigint> } {
  const repeated = new Set<bigint>()
  let count = 0
  let before: bigint | undefined
  for (const value of sorted) {
    if (value === before) {
      count++
      if (repeated.size < MAX_FOLLOWED) repeated.add(value)
    }
    before = value
  }
  return { count, repeated }
}

/** A copy: a substring would keep the whole piece of the file that it was cut from in memory. */
const detached = (text: string): string => Buffer.from(text).toString()
