import * as q from '../sql/drive.ts'
import type { Drive } from './drive.ts'
import { runsOf } from './recover.ts'
import { referenceOf } from './reference.ts'
import { orderOf, type LiveRange, type Task } from './task.ts'

const LEAST_CLAIM = 64
const MOST_CLAIM = 2_000

/**
 * Claims the next range when the queue runs low. The claim is committed before any of its lines can be sent. Answers
 * whether there was something to claim, whether nothing is open, or that there is enough work here already.
 */
export async function fill(drive: Drive): Promise<'claimed' | 'nothing' | 'enough'> {
  const want = Math.min(MOST_CLAIM, Math.max(LEAST_CLAIM, 4 * drive.window.size()))
  if (drive.queue.length() > want / 2 || drive.breaker.state() === 'OPEN' || !drive.lease.safe())
    return 'enough'
  const token = drive.lease.token()
  const claim = await drive.db.tx((tx) =>
    q.claim(tx, drive.settings.id, drive.worker, token, want, drive.last_batch),
  )
  if (claim === undefined) return 'nothing'
  drive.last_batch = claim.batch_id
  await drive.load(drive.db, [claim.batch_id])
  const rows = await q.selectOrders(drive.db, claim)
  const batch = drive.batch(claim.batch_id)
  const range: LiveRange = {
    ids: [claim.range_id],
    batch_id: claim.batch_id,
    pending: new Set(rows.map((row) => row.seq)),
  }
  for (const done of drive.ranges) if (done.pending.size === 0) drive.ranges.delete(done)
  if (rows.length > 0) drive.ranges.add(range)
  for (const row of rows) {
    const order = orderOf(row, batch)
    drive.queue.push({ kind: 'pay', row, order, rail_reference: order.reference, range, resent: false })
  }
  return 'claimed'
}

/** Takes the pursuits that are due and queues what they ask for. */
export async function sweep(drive: Drive): Promise<void> {
  const { habits } = drive
  const room = 4 * drive.window.size() - drive.queue.length()
  if (habits === undefined || room <= 0 || !drive.lease.safe()) return
  const busy = 2 * drive.settings.timeout_ms
  const due = await drive.db.tx(async (tx) => {
    if (!(await q.lockDriving(tx, drive.settings.id, drive.lease.token()))) return []
    const rows = await q.takeDue(tx, drive.settings.id, drive.lease.token(), Math.min(room, 500), busy)
    if (rows.length === 0) return rows
    await drive.load(drive.db, [...new Set(rows.map((row) => row.batch_id))])
    for (const row of rows)
      if (row.state === 'RETRY' && !habits.makes_reference)
        await q.setReference(tx, row.id, ownReference(drive, row))
    return rows
  })
  for (const row of due) {
    const order = orderOf(row, drive.batch(row.batch_id))
    const paying = row.state === 'RETRY'
    const rail_reference = paying ? order.reference : row.rail_reference
    drive.queue.push({
      kind: paying ? 'pay' : 'find',
      row,
      order,
      rail_reference,
      due: row,
      resent: row.resent > 0 && !paying,
    })
  }
}

const ownReference = (drive: Drive, row: q.OrderRow): string =>
  referenceOf(drive.batch(row.batch_id).secret, row.seq, row.attempt)

/** Lines of a paused batch that were claimed and not sent are freed: a pause takes hold at once. */
export async function holdPaused(drive: Drive): Promise<void> {
  const batches = [...new Set([...drive.ranges].filter((r) => r.pending.size > 0).map((r) => r.batch_id))]
  if (batches.length === 0) return
  const paused = new Set(await q.pausedAmong(drive.db, batches))
  if (paused.size > 0) await freeUnsent(drive, (task) => paused.has(task.row.batch_id))
}

/** Frees the lines that this worker knows it never sent, and gives back pursuits that it did not work on. */
export async function freeUnsent(drive: Drive, which: (task: Task) => boolean): Promise<void> {
  const token = drive.lease.token()
  const tasks = drive.queue.remove(which)
  if (tasks.length === 0 || token === 0n) return
  const by_range = Map.groupBy(
    tasks.filter((task) => task.range !== undefined),
    (task) => task.range,
  )
  await drive.db.tx(async (tx) => {
    // Whoever drives now recovers these ranges as possibly sent; freeing them too would be a second order.
    if (!(await q.lockDriving(tx, drive.settings.id, token))) return
    const pursued = tasks.flatMap((task) => (task.due === undefined ? [] : [task.due.id]))
    if (pursued.length > 0) await q.giveBack(tx, pursued, token)
    for (const [range, unsent] of by_range) {
      if (range === undefined) continue
      const free = unsent.map((task) => task.row.seq)
      const kept = [...range.pending].filter((seq) => !free.includes(seq))
      const ids = await q.splitRange(
        tx,
        drive.settings.id,
        token,
        range.ids,
        runsOf(range.batch_id, kept),
        runsOf(range.batch_id, free),
      )
      range.ids = ids
      for (const seq of free) range.pending.delete(seq)
    }
  })
}
