import type { Db, Reader } from '../platform/db.ts'
import { breachesOf, type Breach } from '../platform/invariant.ts'
import { invariantsOf, type Mode } from './list.ts'
import * as q from './sql.ts'

/** Everything is read again, which takes its time. */
const TIMEOUT_MS = 3_600_000

export type Look = {
  /** The moment that everything was read at. */
  readonly checked_at: Date
  readonly duration_ms: number
  /** The ids that were looked at. */
  readonly checked: readonly string[]
  readonly breaches: readonly Breach[]
}

/** Looks at every invariant at one moment: while Cauri pays, two statements would differ by what moved between them. */
export const lookAtAll = (db: Db, mode: Mode): Promise<Look> =>
  db.snapshot((now) => lookIn(now, mode), TIMEOUT_MS)

/** The same, unless another look of this kind goes on anywhere: then undefined. */
export const lookAlone = (db: Db, mode: Mode): Promise<Look | undefined> =>
  db.snapshot(async (now) => ((await q.lockLook(now)) ? lookIn(now, mode) : undefined), TIMEOUT_MS)

async function lookIn(now: Reader, mode: Mode): Promise<Look> {
  const started = performance.now()
  const invariants = invariantsOf(mode)
  const checked_at = await q.beginLook(now)
  const breaches = await breachesOf(now, invariants)
  return {
    checked_at,
    duration_ms: Math.round(performance.now() - started),
    checked: invariants.map(({ id }) => id),
    breaches,
  }
}

/** Every breach of what holds in every mode, for tests and campaigns; empty when all is well. Keeps nothing. */
export const checkAll = async (db: Db): Promise<readonly Breach[]> =>
  (await lookAtAll(db, 'sandbox')).breaches
