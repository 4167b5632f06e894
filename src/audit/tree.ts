import { sha256 } from '../platform/ids.ts'

/** The hash tree of RFC 6962 §2.1 (the same in RFC 9162 §2.1), over SHA-256: nothing here knows the database. */
const LEAF = Buffer.from([0])
const NODE = Buffer.from([1])

/** The root of no leaves: the hash of nothing. */
export const emptyRoot: Buffer = sha256()

export const leafHash = (leaf: Buffer | string): Buffer => sha256(LEAF, leaf)

export const nodeHash = (left: Buffer, right: Buffer): Buffer => sha256(NODE, left, right)

/** The complete subtree over the leaves from `index · 2^level` on, `2^level` of them. Level 0 is a leaf. */
export type NodeKey = { readonly level: number; readonly index: number }
export type Node = NodeKey & { readonly hash: Buffer }

/** The right edge of a tree: the hashes of its largest complete subtrees, from left to right. */
export type Edge = { size: number; readonly hashes: Buffer[] }

export const newEdge = (size = 0, hashes: readonly Buffer[] = []): Edge => ({ size, hashes: [...hashes] })

/** Adds a leaf by its hash, and answers the subtrees above the leaves that became complete by it. */
export function append(edge: Edge, leaf_hash: Buffer): Node[] {
  const made: Node[] = []
  let hash = leaf_hash
  let index = edge.size
  for (let level = 1; index % 2 === 1; level++) {
    const left = edge.hashes.pop()
    if (left === undefined) throw new Error(`the edge of a tree of ${edge.size} leaves lacks a subtree`)
    hash = nodeHash(left, hash)
    index = (index - 1) / 2
    made.push({ level, index, hash })
  }
  edge.hashes.push(hash)
  edge.size += 1
  return made
}

/** The root over adjacent subtrees of falling size, as an edge has them. */
export const rootOf = (hashes: readonly Buffer[]): Buffer =>
  hashes.length === 0 ? emptyRoot : hashes.reduceRight((right, left) => nodeHash(left, right))

/** Leaves from `from` up to but not including `to`. */
export type Range = { readonly from: number; readonly to: number }

/** The complete subtrees that make up a range, from left to right. Every range of a proof begins where they can. */
export function nodesOf({ from, to }: Range): NodeKey[] {
  const nodes: NodeKey[] = []
  let at = from
  for (let level = 52; level >= 0; level--) {
    const width = 2 ** level
    if (to - at < width) continue
    nodes.push({ level, index: at / width })
    at += width
  }
  return nodes
}

/** The subtrees whose hashes prove that leaf `index` is in the tree of `size` leaves: PATH of RFC 6962 §2.1.1. */
export function inclusionRanges(index: number, size: number): Range[] {
  assertWhole(index >= 0 && index < size, index, size)
  const ranges: Range[] = []
  let [from, to] = [0, size]
  while (to - from > 1) {
    const middle = from + largestBelow(to - from)
    if (index < middle) {
      ranges.push({ from: middle, to })
      to = middle
    } else {
      ranges.push({ from, to: middle })
      from = middle
    }
  }
  return ranges.toReversed()
}

/** The subtrees that prove that the tree of `size` leaves extends the one of `first`: SUBPROOF of RFC 6962 §2.1.2. */
export function consistencyRanges(first: number, size: number): Range[] {
  assertWhole(first >= 1 && first <= size, first, size)
  const ranges: Range[] = []
  let [from, to] = [0, size]
  while (first < to) {
    const middle = from + largestBelow(to - from)
    if (first <= middle) {
      ranges.push({ from: middle, to })
      to = middle
    } else {
      ranges.push({ from, to: middle })
      from = middle
    }
  }
  // What is left is the end of the older tree; when it is all of it, the verifier has its root already.
  return (from === 0 ? ranges : [...ranges, { from, to }]).toReversed()
}

/** The largest power of two below `n`, which is at least 2. */
function largestBelow(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

function assertWhole(isWithin: boolean, ...numbers: readonly number[]): void {
  if (!isWithin || !numbers.every(Number.isSafeInteger))
    throw new Error(`no such tree: ${numbers.join(' of ')}`)
}

export type Inclusion = {
  readonly index: number
  readonly size: number
  readonly leaf_hash: Buffer
  readonly root: Buffer
  readonly hashes: readonly Buffer[]
}

/** Whether the hashes prove that the leaf is in the tree of that size and root: RFC 9162 §2.1.3.2. */
export function verifyInclusion({ index, size, leaf_hash, root, hashes }: Inclusion): boolean {
  if (!(index >= 0 && index < size)) return false
  let [at, last] = [index, size - 1]
  let hash = leaf_hash
  for (const next of hashes) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(next, hash)
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, half(last)]
    } else hash = nodeHash(hash, next)
    ;[at, last] = [half(at), half(last)]
  }
  return last === 0 && hash.equals(root)
}

export type Consistency = {
  readonly first: number
  readonly first_root: Buffer
  readonly size: number
  readonly root: Buffer
  readonly hashes: readonly Buffer[]
}

/** Whether the hashes prove that the second tree begins with all of the first one: RFC 9162 §2.1.4.2. */
export function verifyConsistency({ first, first_root, size, root, hashes }: Consistency): boolean {
  if (!(first >= 1 && first <= size)) return false
  if (first === size) return hashes.length === 0 && first_root.equals(root)
  const path = isPowerOfTwo(first) ? [first_root, ...hashes] : hashes
  const [start, ...rest] = path
  if (start === undefined) return false
  let [at, last] = [first - 1, size - 1]
  while (at % 2 === 1) [at, last] = [half(at), half(last)]
  let [older, newer] = [start, start]
  for (const next of rest) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      older = nodeHash(next, older)
      newer = nodeHash(next, newer)
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, half(last)]
    } else newer = nodeHash(newer, next)
    ;[at, last] = [half(at), half(last)]
  }
  return last === 0 && older.equals(first_root) && newer.equals(root)
}

const half = (n: number): number => Math.floor(n / 2)

function isPowerOfTwo(n: number): boolean {
  let k = 1
  while (k < n) k *= 2
  return k === n
}
