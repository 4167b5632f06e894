import type { Reader } from '../platform/db.ts'
import { canonical } from './canonical.ts'
import * as q from './sql.ts'
import { consistencyRanges, inclusionRanges, nodesOf, rootOf, type Range } from './tree.ts'

export type InclusionProof = {
  /** The canonical bytes of the event, as text; its leaf is the hash of 0x00 and them. */
  readonly event: string
  readonly leaf_index: number
  /** The signed checkpoint that it is proved against. */
  readonly checkpoint: string
  readonly size: number
  /** From the leaf upwards. */
  readonly hashes: readonly Buffer[]
}

/** Proves against the newest checkpoint that an event is in the log; undefined when it is not, or not yet sealed. */
export async function proveInclusion(db: Reader, event_id: bigint): Promise<InclusionProof | undefined> {
  const newest = await q.selectNewest(db)
  const leaf = await q.selectLeafOf(db, event_id)
  const [event] = await q.selectEvents(db, [event_id])
  if (newest === undefined || leaf === undefined || event === undefined) return undefined
  // Read without a snapshot, the leaf may be newer than the checkpoint.
  if (leaf.index >= newest.size) return undefined
  const { size, note: checkpoint } = newest
  const hashes = await hashesOf(db, inclusionRanges(leaf.index, size))
  return { event: canonical(event), leaf_index: leaf.index, checkpoint, size, hashes }
}

export type ConsistencyProof = {
  readonly first: number
  /** The signed checkpoint of the larger tree. */
  readonly checkpoint: string
  readonly size: number
  readonly hashes: readonly Buffer[]
}

/**
 * Proves that the log of the newest checkpoint, or of the one of `last` leaves, begins with all that it held at `first`
 * leaves; undefined when it has fewer, or when there is no such checkpoint.
 */
export async function proveConsistency(
  db: Reader,
  first: number,
  last?: number,
): Promise<ConsistencyProof | undefined> {
  const later = last === undefined ? await q.selectNewest(db) : await q.selectCheckpoint(db, last)
  if (later === undefined || first < 1 || first > later.size) return undefined
  const { size, note: checkpoint } = later
  return { first, checkpoint, size, hashes: await hashesOf(db, consistencyRanges(first, size)) }
}

/** The hash of each range, from the stored complete subtrees: a few dozen rows for a million leaves. */
async function hashesOf(db: Reader, ranges: readonly Range[]): Promise<Buffer[]> {
  const parts = ranges.map(nodesOf)
  const hashes = await q.selectNodes(db, parts.flat())
  let at = 0
  return parts.map((part) => {
    const own = hashes.slice(at, (at += part.length)).filter((hash) => hash !== undefined)
    if (own.length !== part.length) throw new Error('a stored hash of the audit trail is missing')
    return rootOf(own)
  })
}
