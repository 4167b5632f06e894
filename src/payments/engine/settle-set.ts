import { crashPoint } from '../../platform/crash-point.ts'
import { CommitUnknown, sqlState, type Db, type Reader } from '../../platform/db.ts'
import type { Log } from '../../platform/log.ts'
import type { BatchInfo, SettledRow } from '../sql/engine.ts'
import type { Outcome } from './outcome.ts'
import type { Ports } from './ports.ts'
import { settle, type PurposeHandler } from './settle.ts'
import type { LiveRange } from './task.ts'

export type SettlerDeps = Ports & {
  readonly db: Db
  readonly log: Log
  readonly connection_id: string
  readonly batch: (id: bigint) => BatchInfo
  readonly load: (db: Reader, ids: readonly bigint[]) => Promise<void>
  readonly handlers: Readonly<Record<string, PurposeHandler>>
}

/** An outcome that waits to be settled. */
export type Waiting = {
  readonly outcome: Outcome
  /** The token under which the question was asked: a lease taken again must not carry an older worker's refusal. */
  readonly token: bigint
  readonly range: LiveRange | undefined
  /** Called once it is committed; `changed` is false when the line had moved on before, or went to review instead. */
  readonly onSettled: ((changed: boolean) => void) | undefined
}

/** The database is away: the same set is tried until it is back. Settling twice settles once. */
const AWAY = /^(08...|53...|57P..)$/
/** Somebody is in the way: the same set is tried again, but not for ever. */
const BUSY = /^(55P03|57014|40...|25P0[23])$/
const BUSY_TRIES = 20
const LONGEST_PAUSE_MS = 2_000

/**
 * Settles a set and tells `done` what changed. When settling itself fails, the payments have not: either the database
 * is away and the set waits; or one line is guilty, and halves find it while the others settle. Answers the outcomes
 * that could not even be put to review.
 */
export async function settleSet(
  deps: SettlerDeps,
  set: readonly Waiting[],
  doneRanges: (token: bigint) => readonly bigint[],
  done: (set: readonly Waiting[], changed: readonly SettledRow[]) => void,
): Promise<Waiting[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      const changed = await commit(deps, set, doneRanges)
      crashPoint('settle.committed')
      for (const row of changed) if (row.outcome === 'LATE') shout(deps.log, row)
      done(set, changed)
      return []
    } catch (error) {
      // The one place where a failed settlement is handled: nothing of it may be lost, and none may stop the others.
      if (isAway(error) || (BUSY.test(sqlState(error)) && attempt < BUSY_TRIES)) {
        deps.log.warn({ err: error, lines: set.length, attempt }, 'settling waits for the database')
        await deps.clock.sleep(Math.min(50 * 2 ** attempt, LONGEST_PAUSE_MS))
        continue
      }
      const [first] = set
      if (first === undefined) return []
      if (set.length === 1)
        return toReview(deps, first, error, (item) => settleSet(deps, [item], doneRanges, done))
      const middle = Math.ceil(set.length / 2)
      const left = await settleSet(deps, set.slice(0, middle), doneRanges, done)
      return [...left, ...(await settleSet(deps, set.slice(middle), doneRanges, done))]
    }
  }
}

const shout = (log: Log, { batch_id, seq, attempt, amount }: SettledRow): void =>
  log.error(
    { batch_id: String(batch_id), seq, attempt, amount: String(amount) },
    'a line that was closed, or another attempt at it, was paid after all; it is booked as a loss',
  )

export const commit = (
  deps: SettlerDeps,
  set: readonly Waiting[],
  doneRanges: (token: bigint) => readonly bigint[],
  token = set[0]?.token ?? 0n,
): Promise<SettledRow[]> =>
  deps.db.tx(async (tx) => {
    const outcomes = set.map((item) => item.outcome)
    const ids = [...new Set(outcomes.map((outcome) => outcome.batch_id))]
    await deps.load(tx, ids)
    // Held on to here: the driver may forget its batches meanwhile.
    const known = new Map(ids.map((id) => [id, deps.batch(id)]))
    const changed = await settle(tx, {
      store: deps.store,
      newId: deps.newId,
      connection_id: deps.connection_id,
      token,
      outcomes,
      done_ranges: doneRanges(token),
      batch: (id) => known.get(id) ?? deps.batch(id),
      handlers: deps.handlers,
    })
    crashPoint('settle.before-commit')
    return changed
  })

/** The line that cannot be settled alone: its hold stays, people look at it, the others are not kept waiting. */
async function toReview(
  deps: SettlerDeps,
  item: Waiting,
  error: unknown,
  again: (item: Waiting) => Promise<Waiting[]>,
): Promise<Waiting[]> {
  const { batch_id, seq, attempt, word, pursued, pursuit, said } = item.outcome
  const line = { batch_id: String(batch_id), seq, attempt }
  deps.log.error({ err: error, ...line }, 'a line cannot be settled; it goes to review')
  if (word === 'REVIEW') return [item]
  const because = `could not be settled as ${word}`
  const outcome: Outcome = {
    batch_id,
    seq,
    attempt,
    word: 'REVIEW',
    code: 'REVIEW',
    message: because,
    pursued,
    pursuit: { rail_reference: pursuit?.rail_reference ?? '', after_ms: 0, because },
    ...(said === undefined ? {} : { said }),
  }
  const { onSettled } = item
  return again({ ...item, outcome, onSettled: onSettled && (() => onSettled(false)) })
}

/** The server is gone or going; a connection that broke has no SQLSTATE. */
const isAway = (error: unknown): boolean =>
  error instanceof CommitUnknown ||
  AWAY.test(sqlState(error)) ||
  (error instanceof Error &&
    sqlState(error) === '' &&
    /terminated|ECONN|EPIPE|timeout|Connection/i.test(error.message))
