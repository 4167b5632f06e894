import { crashPoint } from '../../platform/crash-point.ts'
import type { Db, Tx } from '../../platform/db.ts'
import type { BatchInfo } from '../sql/engine.ts'
import type { Claim, Orphan } from '../sql/drive.ts'
import { firstQueryDelay, type ConnectionSettings } from './connection.ts'
import type { Outcome } from './outcome.ts'
import type { Acting } from './ports.ts'
import type { Habits } from './pursue.ts'
import { referenceOf } from './reference.ts'
import { settle, type PurposeHandler } from './settle.ts'

export type RecoverDeps = Acting & {
  readonly db: Db
  readonly settings: ConnectionSettings
  readonly habits: Habits & { readonly mode: string }
  readonly handlers: Readonly<Record<string, PurposeHandler>>
  readonly load: (db: Db, ids: readonly bigint[]) => Promise<void>
  readonly batch: (id: bigint) => BatchInfo
}

/**
 * Takes over what another worker left: lines under the cursor without an outcome may have been sent, so they are
 * uncertain, and will be asked about. Where the rail made the reference, then as now, and none was committed, nothing
 * can have been accepted, and the line starts again. Answers how many ranges it worked through; call until 0.
 */
export async function recover(deps: RecoverDeps, token: bigint): Promise<number> {
  const { db, settings } = deps
  const waiting = await db.tx(async (tx) => {
    await deps.store.adoptPursuits(tx, settings.id, token, firstQueryDelay(settings, false))
    return {
      ranges: await deps.store.lockOrphans(tx, settings.id, token),
      sends: await deps.store.selectInterrupted(tx, settings.id, token),
    }
  })
  const ids = [...waiting.ranges, ...waiting.sends].map((row) => row.batch_id)
  if (ids.length === 0) return 0
  await deps.load(db, [...new Set(ids)])
  // Read again under the locks: another worker may have been faster.
  const done = await db.tx(async (tx) => {
    if (!(await deps.store.lockDriving(tx, settings.id, token))) return 0
    const ranges = await deps.store.lockOrphans(tx, settings.id, token)
    for (const range of ranges) {
      await recoverRange(tx, deps, token, range)
      crashPoint('recover.middle')
    }
    const sends = await deps.store.selectInterrupted(tx, settings.id, token)
    const unsent = deps.habits.makes_reference ? sends.filter((row) => row.rail_reference === '') : []
    if (unsent.length > 0) await deps.store.returnToRetry(tx, unsent)
    const uncertain = sends
      .filter((row) => !unsent.includes(row))
      .map((row) => uncertainLine(deps, row.batch_id, row.seq, row.attempt, row.rail_reference, true))
    if (uncertain.length > 0) await settleHere(tx, deps, token, uncertain, [])
    crashPoint('recover.before-commit')
    return ranges.length + sends.length
  })
  crashPoint('recover.committed')
  return done
}

async function recoverRange(tx: Tx, deps: RecoverDeps, token: bigint, range: Orphan): Promise<void> {
  const lines = await deps.store.selectOrphanLines(tx, range)
  const referred = deps.habits.makes_reference && range.mode === deps.habits.mode
  const maySent = lines.filter((line) => line.rail_reference !== null || !referred)
  const free = lines.filter((line) => !maySent.includes(line)).map((line) => line.seq)
  const outcomes = maySent.map((line) =>
    uncertainLine(
      deps,
      range.batch_id,
      line.seq,
      line.attempt,
      line.rail_reference ?? '',
      line.rail_reference !== null,
    ),
  )
  await settleHere(tx, deps, token, outcomes, [range.range_id])
  if (free.length > 0)
    await deps.store.insertRanges(tx, deps.settings.id, token, 'FREED', runsOf(range.batch_id, free))
}

function uncertainLine(
  deps: RecoverDeps,
  batch_id: bigint,
  seq: number,
  attempt: number,
  reference: string,
  pursued: boolean,
): Outcome {
  const rail_reference = reference === '' ? referenceOf(deps.batch(batch_id).secret, seq, attempt) : reference
  const after_ms = firstQueryDelay(deps.settings, false)
  return {
    batch_id,
    seq,
    attempt,
    word: 'UNCERTAIN',
    pursued,
    pursuit: { rail_reference, after_ms, because: 'its worker stopped without knowing' },
  }
}

const settleHere = (
  tx: Tx,
  deps: RecoverDeps,
  token: bigint,
  outcomes: readonly Outcome[],
  done_ranges: readonly bigint[],
): Promise<unknown> =>
  settle(tx, {
    store: deps.store,
    newId: deps.newId,
    connection_id: deps.settings.id,
    token,
    outcomes,
    done_ranges,
    batch: deps.batch,
    handlers: deps.handlers,
  })

/** Consecutive numbers as runs: 3,4,5,9 is 3–5 and 9–9. */
export function runsOf(batch_id: bigint, seqs: readonly number[]): Omit<Claim, 'range_id'>[] {
  const runs: { batch_id: bigint; from_seq: number; to_seq: number }[] = []
  for (const seq of [...seqs].sort((a, b) => a - b)) {
    const last = runs.at(-1)
    if (last !== undefined && last.to_seq === seq - 1) last.to_seq = seq
    else runs.push({ batch_id, from_seq: seq, to_seq: seq })
  }
  return runs
}
