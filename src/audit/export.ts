import type { Db, Reader } from '../platform/db.ts'
import { canonical } from './canonical.ts'
import type { Verifier } from './note.ts'
import { originOf } from './seal.ts'
import * as q from './sql.ts'

const PAGE = 2_000
const TIMEOUT_MS = 3_600_000

export type Exported = { readonly size: number; readonly checkpoints: number }

/**
 * Writes out the sealed log as lines: a head (its name, whose keys signed it), then the canonical bytes of each event in
 * the order of the log, and each checkpoint after the last event that it covers. What a line says of an event is what
 * was hashed, byte for byte. docs/concepts/audit-trail.md describes it for who reads it.
 */
export const exportTrail = (
  db: Db,
  verifiers: readonly Verifier[],
  write: (text: string) => Promise<void>,
): Promise<Exported> => db.snapshot((now) => exportIn(now, verifiers, write), TIMEOUT_MS)

async function exportIn(
  db: Reader,
  verifiers: readonly Verifier[],
  write: (text: string) => Promise<void>,
): Promise<Exported> {
  const origin = await originOf(db)
  const size = (await q.selectNewest(db))?.size ?? 0
  await write(line({ cauri_audit_log: 1, origin, keys: verifiers.map(({ vkey }) => vkey), size }))
  let checkpoints = 0
  let covered = 0
  while (covered < size) {
    const page = await q.selectCheckpoints(db, covered, PAGE)
    if (page.length === 0) break
    for (const { size: until, note } of page) {
      await writeEvents(db, covered, until, write)
      await write(line({ checkpoint: note }))
      covered = until
      checkpoints += 1
    }
  }
  return { size, checkpoints }
}

/** An event that is gone has no line: its absence is for the verifier to find. */
async function writeEvents(
  db: Reader,
  from: number,
  to: number,
  write: (text: string) => Promise<void>,
): Promise<void> {
  for (let at = from; at < to; at += PAGE) {
    const until = Math.min(at + PAGE, to)
    const leaves = (await q.selectLeaves(db, at, until - at)).filter(({ index }) => index < until)
    const rows = await q.selectEvents(
      db,
      leaves.map(({ event_id }) => event_id),
    )
    const events = new Map(rows.map((row) => [row.id, `${canonical(row)}\n`]))
    await write(leaves.map(({ event_id }) => events.get(event_id) ?? '').join(''))
  }
}

const line = (value: object): string => `${JSON.stringify(value)}\n`
