import type { KeyObject } from 'node:crypto'
import { assertNoTransaction, type Db, type Reader, type Tx } from '../platform/db.ts'
import type { Log } from '../platform/log.ts'
import { canonical } from './canonical.ts'
import {
  isSignedBy,
  readCheckpoint,
  readVerifier,
  signCheckpoint,
  verifierOf,
  type Verifier,
} from './note.ts'
import { record } from './record.ts'
import * as q from './sql.ts'
import { append, leafHash, newEdge, nodesOf, rootOf, type Edge, type Node } from './tree.ts'

export type SealDeps = {
  readonly db: Db
  /** The private Ed25519 key. */
  readonly key: KeyObject
  /** Public keys that signed before it, as `name+id+key`. */
  readonly former_keys?: readonly string[]
}

/** Leaves for one checkpoint at most: a transaction of a fraction of a second. */
const BATCH = 2_000

/** The name of a database's log, which its checkpoints and its keys carry. */
export const originOf = async (db: Reader): Promise<string> => `cauri-audit/${await q.selectLogId(db)}`

/** Whom to believe about the checkpoints of this log: its present key and its former ones. */
export const verifiersOf = (
  origin: string,
  key: KeyObject | undefined,
  former_keys: readonly string[] = [],
): Verifier[] => [
  ...(key === undefined ? [] : [verifierOf(origin, key)]),
  ...former_keys.map((vkey) => {
    const former = readVerifier(vkey)
    if (former === undefined) throw new Error(`not a public key of an audit trail: ${vkey.slice(0, 100)}`)
    return former
  }),
]

/** What is stored contradicts the newest checkpoint, or nobody whom we believe has signed it: nothing is built on it. */
export class BrokenTrail extends Error {
  constructor(because: string) {
    super(`the audit trail is not sealed any further: ${because}; see cauri audit verify`)
    this.name = 'BrokenTrail'
  }
}

/**
 * Seals every act that is committed and not sealed, and after an hour without any one that says so. Safe to run
 * anywhere at once: one works, the others answer 0. Answers how many acts were sealed. Throws BrokenTrail.
 */
export async function seal(deps: SealDeps): Promise<number> {
  assertNoTransaction('seal')
  let sealed = 0
  for (;;) {
    if (!(await q.isSealDue(deps.db))) return sealed
    const count = await deps.db.tx((tx) => sealSome(tx, deps))
    sealed += count
    if (count < BATCH) return sealed
  }
}

async function sealSome(tx: Tx, deps: SealDeps): Promise<number> {
  if (!(await q.lockSealing(tx))) return 0
  const origin = await originOf(tx)
  const edge = await readEdge(tx, verifiersOf(origin, deps.key, deps.former_keys))
  const ids = await waitingIn(tx)
  const first = edge.size
  const hashes = (await q.selectEvents(tx, ids)).map((row) => leafHash(canonical(row)))
  if (hashes.length !== ids.length) throw new BrokenTrail('an act that waits for its seal is gone')
  const nodes: Node[] = hashes.flatMap((hash) => append(edge, hash))
  if (edge.size === first) return 0
  await q.insertLeaves(tx, first, ids, hashes)
  await q.insertNodes(tx, nodes)
  const root = rootOf(edge.hashes)
  await q.insertCheckpoint(tx, edge.size, root, signCheckpoint({ origin, size: edge.size, root }, deps.key))
  await q.deleteWaiting(tx, ids)
  return ids.length
}

/** The acts that wait. None since an hour: then one is made that says so, and the hour without acts is signed too. */
async function waitingIn(tx: Tx): Promise<readonly bigint[]> {
  const waiting = await q.selectWaiting(tx, BATCH)
  if (waiting.length > 0 || !(await q.isQuiet(tx))) return waiting
  await record(tx, { actor: 'audit', action: 'audit.quiet', subject: 'audit' })
  return q.selectWaiting(tx, BATCH)
}

/** The right edge as it is stored; it must give the root of the newest checkpoint, and that must be one of ours. */
async function readEdge(tx: Tx, verifiers: readonly Verifier[]): Promise<Edge> {
  const newest = await q.selectNewest(tx)
  if (newest === undefined) return newEdge()
  const { size, root, note } = newest
  const said = readCheckpoint(note)
  if (
    said === undefined ||
    said.origin !== verifiers[0]?.name ||
    said.size !== size ||
    !said.root.equals(root)
  )
    throw new BrokenTrail(`its checkpoint of ${size} acts is not one of this log`)
  if (!isSignedBy(said, verifiers))
    throw new BrokenTrail(
      `its checkpoint of ${size} acts is not signed by this key (a former one belongs into AUDIT_FORMER_KEYS)`,
    )
  const hashes = await q.selectNodes(tx, nodesOf({ from: 0, to: size }))
  const there = hashes.filter((hash) => hash !== undefined)
  if (there.length !== hashes.length || !rootOf(there).equals(root))
    throw new BrokenTrail(`what is stored is not what its checkpoint of ${size} acts has sealed`)
  return newEdge(size, there)
}

/** Seals again and again, in the background. */
export type Sealer = { readonly close: () => Promise<void> }

const LONGEST_PAUSE_MS = 60_000

/** Seals what was committed each second; after trouble it rests longer, a minute at most. Rounds never overlap. */
export function openSealer(deps: SealDeps & { readonly log: Log }, every_ms = 1_000): Sealer {
  let closed = false
  let failures = 0
  let timer: NodeJS.Timeout | undefined
  let round = Promise.resolve()
  const plan = (wait_ms: number): void => {
    if (!closed) timer = setTimeout(() => void (round = turn()), wait_ms)
  }
  const turn = async (): Promise<void> => {
    try {
      await seal(deps)
      failures = 0
    } catch (err) {
      // The job runner's catch: the database may be away for a while, and acts wait unharmed.
      failures += 1
      if (err instanceof BrokenTrail) deps.log.error({ err }, 'the audit trail cannot be sealed')
      else deps.log.warn({ err }, 'a seal of the audit trail failed and is tried again')
    }
    plan(Math.min(every_ms * 2 ** Math.min(failures, 16), Math.max(every_ms, LONGEST_PAUSE_MS)))
  }
  plan(0)
  return {
    close: async () => {
      closed = true
      clearTimeout(timer)
      await round
    },
  }
}
