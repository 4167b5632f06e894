import { hash } from 'node:crypto'
import type { Fault } from '../../platform/errors.ts'
import { type CellFault, describe, explain, type Particulars } from './explain.ts'
import { faultAt } from './faults.ts'
import { type FileLimits, type FileSummary, type ReadOptions, readRows } from './read-rows.ts'
import type { Row } from './row.ts'

/** Transfer ids that may not be used: how many rows, and the first hundred. */
export type TakenIds = { readonly count: number; readonly errors: readonly Fault[] }

export type CheckedIds = {
  readonly summary: FileSummary
  /** The currency of the file is that of its first valid row. */
  readonly first: Row | undefined
  /** Rows whose transferId stands on an earlier line of the same file: a fault of the file. */
  readonly repeated: TakenIds
  /** Rows whose transferId was used before: a conflict with what was accepted earlier. */
  readonly used: TakenIds
}

/** Asked about up to a thousand ids at a time, answers those that are taken. */
export type Lookup = (ids: string[]) => Promise<readonly string[]>

type Options = Pick<ReadOptions, 'language'> & { readonly lookup?: Lookup | undefined }
const MAX_LISTED = 100
/** Ids followed at once while listing: far more than are listed, few enough for memory. */
const MAX_FOLLOWED = 10_000
const LOOKUP_IDS = 1000

/**
 * Reads a file for its transfer ids. The database's unique index is what forbids repeated and used ones; this finds
 * out which they are. Repeated ones cost 8 bytes per row, sorted, and, only where there are some, a second pass that
 * lists both lines of up to a hundred. Without `lookup` nothing counts as used. Refuses like `readRows`; rows that
 * are faulty themselves are passed over.
 */
export async function checkIds(
  path: string,
  limits: FileLimits,
  { language = 'fr', lookup }: Options = {},
): Promise<CheckedIds> {
  const reader = readRows(path, limits, { language, past_faults: true })
  const hashes = openHashes()
  const asked = openLookup(lookup)
  let first: Row | undefined
  for await (const rows of reader) {
    first ??= rows[0]
    for (const { transfer_id, line } of rows) {
      if (transfer_id === '') continue
      hashes.add(hashOf(transfer_id))
      if (asked.add(transfer_id, line)) await asked.ask()
    }
  }
  const summary = reader.summary()
  const { count, repeated } = repeatsIn(hashes.sorted())
  const errors = count === 0 ? [] : await listRepeats(path, limits, { summary, repeated, language })
  const taken = await asked.close()
  const used = taken.listed.map(({ id, line }) =>
    idFault(summary, language, ['TRANSFER_ID_USED', line, id, {}]),
  )
  return { summary, first, repeated: { count, errors }, used: { count: taken.count, errors: used } }
}

/** The rows that repeat an earlier one, each with the line of that one. */
async function listRepeats(
  path: string,
  limits: FileLimits,
  {
    summary,
    repeated,
    language,
  }: {
    readonly summary: FileSummary
    readonly repeated: ReadonlySet<bigint>
    readonly language: 'fr' | 'en'
  },
): Promise<Fault[]> {
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
      if (errors.length === MAX_LISTED) return errors
    }
  }
  return errors
}

type Asked = {
  /** True when there are enough to ask about. */
  readonly add: (id: string, line: number) => boolean
  readonly ask: () => Promise<void>
  readonly close: () => Promise<{
    readonly count: number
    readonly listed: readonly { readonly id: string; readonly line: number }[]
  }>
}

/** Counts all that are taken, lists up to a hundred by their line. */
function openLookup(lookup: Lookup | undefined): Asked {
  const listed: { readonly id: string; readonly line: number }[] = []
  let count = 0
  let waiting = new Map<string, number[]>()
  const ask = async (): Promise<void> => {
    const ids = [...waiting.keys()]
    for (const id of lookup === undefined || ids.length === 0 ? [] : await lookup(ids)) {
      for (const line of waiting.get(id) ?? []) {
        count++
        if (listed.length < MAX_LISTED) listed.push({ id: detached(id), line })
      }
    }
    waiting = new Map()
  }
  return {
    add: (id, line) => {
      if (lookup === undefined) return false
      const lines = waiting.get(id)
      if (lines === undefined) waiting.set(id, [line])
      else lines.push(line)
      return waiting.size === LOOKUP_IDS
    },
    ask,
    close: async () => {
      await ask()
      return { count, listed: listed.toSorted((a, b) => a.line - b.line) }
    },
  }
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

/** Numbers in an array that grows, without an object for each. */
function openHashes(): { readonly add: (hash: bigint) => void; readonly sorted: () => BigUint64Array } {
  let hashes = new BigUint64Array(1024)
  let size = 0
  return {
    add: (hash) => {
      if (size === hashes.length) {
        const more = new BigUint64Array(2 * hashes.length)
        more.set(hashes)
        hashes = more
      }
      hashes[size++] = hash
    },
    sorted: () => hashes.subarray(0, size).sort(),
  }
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
