import type { Db, Reader } from '../platform/db.ts'
import { canonical } from './canonical.ts'
import { isSignedBy, readCheckpoint, type SignedCheckpoint, type Verifier } from './note.ts'
import { originOf } from './seal.ts'
import * as q from './sql.ts'
import { append, emptyRoot, leafHash, newEdge, rootOf, type Edge, type Node } from './tree.ts'

export type FaultKind =
  | 'EVENT_CHANGED'
  | 'EVENT_GONE'
  | 'EVENT_UNSEEN'
  | 'EVENT_TWICE'
  | 'LEAF_MISSING'
  | 'NODE_WRONG'
  | 'ROOT_DIFFERS'
  | 'CHECKPOINT_FORGED'
  | 'UNSIGNED_TAIL'
  | 'KEPT_FORGED'
  | 'KEPT_BEYOND'
  | 'KEPT_DIFFERS'

/** What is wrong, and where: the position in the log, the id of the event, the size of a checkpoint. */
export type Fault = {
  readonly kind: FaultKind
  readonly leaf?: number
  readonly event?: string
  readonly size?: number
}

export type TrailReport = {
  /** Leaves that were read, and their root by our own reckoning. */
  readonly size: number
  readonly root: Buffer
  readonly checkpoints: number
  /** Acts that are committed and not sealed. */
  readonly waiting: number
  /** The first hundred. None: the trail is what was written. */
  readonly faults: readonly Fault[]
}

export type VerifyOptions = {
  /** Whom to believe about checkpoints. */
  readonly verifiers: readonly Verifier[]
  /** A signed checkpoint that was kept elsewhere: the only thing that shows a tail that was cut off. */
  readonly kept?: string
}

const PAGE = 2_000
const MOST_FAULTS = 100
const TIMEOUT_MS = 3_600_000

/**
 * Reads the whole trail at one moment and computes all of it again: every leaf from its event, every root, every
 * signature, every stored hash. Changes nothing.
 */
export const verifyTrail = (db: Db, options: VerifyOptions): Promise<TrailReport> =>
  db.snapshot((now) => verifyIn(now, options), TIMEOUT_MS)

/** What the way through the log needs to know. */
type Walk = {
  readonly db: Reader
  readonly origin: string
  readonly verifiers: readonly Verifier[]
  readonly kept: SignedCheckpoint | undefined
  readonly edge: Edge
  readonly faults: Fault[]
  checkpoints: number
  /** The size of the last checkpoint whose root was right; false once one was not: then all later ones differ too. */
  agreed: number | false
  keptRoot: Buffer | undefined
  /** Checkpoints that were read and not judged yet; those above `read` were not read. */
  readonly ahead: q.CheckpointRow[]
  read: number
}

async function verifyIn(db: Reader, { verifiers, kept }: VerifyOptions): Promise<TrailReport> {
  const origin = await originOf(db)
  const older = kept === undefined ? undefined : readCheckpoint(kept)
  const walk: Walk = {
    db,
    origin,
    verifiers,
    kept: older,
    edge: newEdge(),
    faults: [],
    checkpoints: 0,
    agreed: 0,
    keptRoot: older?.size === 0 ? emptyRoot : undefined,
    ahead: [],
    read: -1,
  }
  const whole = await walkLeaves(walk)
  await walkCheckpoints(walk, Number.MAX_SAFE_INTEGER) // what claims to be larger than the log
  const { size } = walk.edge
  const { leaves, nodes, waiting } = await q.countAll(db)
  if (whole && Number(nodes) !== nodesIn(size)) fault(walk, { kind: 'NODE_WRONG' })
  if (walk.agreed !== false && walk.agreed < Number(leaves))
    fault(walk, { kind: 'UNSIGNED_TAIL', leaf: walk.agreed })
  const found = new Set(walk.faults.map(({ event }) => event))
  for (const { event, why } of await q.selectAstray(db))
    if (!found.has(String(event))) fault(walk, { kind: `EVENT_${why}`, event: String(event) })
  if (kept !== undefined) checkKept(walk)
  const { checkpoints, faults } = walk
  return { size, root: rootOf(walk.edge.hashes), checkpoints, waiting: Number(waiting), faults }
}

function fault({ faults }: Walk, one: Fault): void {
  if (faults.length < MOST_FAULTS) faults.push(one)
}

/** A tree of `size` leaves has as many complete subtrees above them as it has had to join. */
const nodesIn = (size: number): number => {
  let joined = 0
  for (let width = 2; width <= size; width *= 2) joined += Math.floor(size / width)
  return joined
}

/** Goes through all leaves in order; false when one is missing, for nothing after it can be computed. */
async function walkLeaves(walk: Walk): Promise<boolean> {
  const { edge } = walk
  for (;;) {
    const leaves = await q.selectLeaves(walk.db, edge.size, PAGE)
    const events = new Map(
      (
        await q.selectEvents(
          walk.db,
          leaves.map((leaf) => leaf.event_id),
        )
      ).map((row) => [row.id, row]),
    )
    const nodes: Node[] = []
    for (const { index, event_id, hash } of leaves) {
      if (index !== edge.size) {
        fault(walk, { kind: 'LEAF_MISSING', leaf: edge.size })
        return false
      }
      const event = events.get(event_id)
      const where = { leaf: index, event: String(event_id) }
      if (event === undefined) fault(walk, { kind: 'EVENT_GONE', ...where })
      else if (!leafHash(canonical(event)).equals(hash)) fault(walk, { kind: 'EVENT_CHANGED', ...where })
      // The stored hash goes on upwards: an event that was changed does not hide what else was.
      nodes.push(...append(edge, hash))
      await atSize(walk)
    }
    await compareNodes(walk, nodes)
    if (leaves.length < PAGE) return true
  }
}

/** What is said about a log of exactly this size. */
async function atSize(walk: Walk): Promise<void> {
  if (walk.kept?.size === walk.edge.size) walk.keptRoot = rootOf(walk.edge.hashes)
  await walkCheckpoints(walk, walk.edge.size)
}

/** Judges every checkpoint up to that size that was not judged yet. */
async function walkCheckpoints(walk: Walk, upTo: number): Promise<void> {
  const { ahead } = walk
  for (;;) {
    if (ahead.length === 0 && walk.read < Number.MAX_SAFE_INTEGER) {
      ahead.push(...(await q.selectCheckpoints(walk.db, walk.read, PAGE)))
      const last = ahead.at(-1)
      walk.read = ahead.length < PAGE || last === undefined ? Number.MAX_SAFE_INTEGER : last.size
    }
    const [next] = ahead
    if (next === undefined || next.size > upTo) return
    ahead.shift()
    judge(walk, next)
  }
}

function judge(walk: Walk, { size, root, note }: q.CheckpointRow): void {
  walk.checkpoints += 1
  const said = readCheckpoint(note)
  const isOurs = said?.origin === walk.origin && said.size === size && said.root.equals(root)
  if (!isOurs || !isSignedBy(said, walk.verifiers)) fault(walk, { kind: 'CHECKPOINT_FORGED', size })
  if (walk.agreed === false) return
  if (walk.edge.size === size && rootOf(walk.edge.hashes).equals(root)) walk.agreed = size
  else {
    fault(walk, { kind: 'ROOT_DIFFERS', leaf: walk.agreed, size })
    walk.agreed = false
  }
}

async function compareNodes(walk: Walk, nodes: readonly Node[]): Promise<void> {
  const stored = await q.selectNodes(walk.db, nodes)
  const wrong = nodes.find(({ hash }, i) => stored[i]?.equals(hash) !== true)
  if (wrong !== undefined) fault(walk, { kind: 'NODE_WRONG', leaf: wrong.index * 2 ** wrong.level })
}

function checkKept(walk: Walk): void {
  const { kept, edge, keptRoot } = walk
  if (kept?.origin !== walk.origin || !isSignedBy(kept, walk.verifiers))
    return fault(walk, { kind: 'KEPT_FORGED' })
  if (kept.size > edge.size) return fault(walk, { kind: 'KEPT_BEYOND', leaf: edge.size, size: kept.size })
  if (keptRoot?.equals(kept.root) !== true) fault(walk, { kind: 'KEPT_DIFFERS', size: kept.size })
}
