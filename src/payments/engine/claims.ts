import { crashPoint } from '../../platform/crash-point.ts'
import { CommitUnknown, type Tx } from '../../platform/db.ts'
import type { DueRow, OrderRow } from '../sql/drive.ts'
import type { Drive } from './drive.ts'
import type { Outcome } from './outcome.ts'
import { runsOf } from './recover.ts'
import { referenceOf } from './reference.ts'
import { orderOf, type LiveRange, type Task } from './task.ts'

const LEAST_CLAIM = 64
const MOST_CLAIM = 2_000
const WIDE_CLAIM = 512

/** How many lines a claim takes: enough for a few windows, and for as long as the next claim may take to be committed. */
const claimSize = (drive: Drive): number =>
  Math.min(MOST_CLAIM, Math.max(LEAST_CLAIM, 4 * drive.window.size(), drive.pace.lately(drive.clock.now())))

/**
 * Below how many waiting lines the next claim is made. Half a claim, so that a cancel still finds lines to cancel; a
 * whole one where the window is wide: such a rail would use up half before the next claim is committed.
 */
export const lowWater = (drive: Drive): number => {
  const size = claimSize(drive)
  return size >= WIDE_CLAIM ? size : size / 2
}

/** Fresh lines and pursuits each have their own room in the queue: neither keeps the other waiting for ever. */
const isPursuit = (task: Task): boolean => task.due !== undefined

/**
 * Claims the next range when the queue runs low. The claim is committed before any of its lines can be sent. Answers
 * whether there was something to claim, whether nothing is open, or that there is enough work here already.
 */
export async function fill(drive: Drive): Promise<'claimed' | 'nothing' | 'enough'> {
  const want = claimSize(drive)
  const fresh = drive.queue.length() - drive.queue.count(isPursuit)
  if (fresh > lowWater(drive) || drive.breaker.state() === 'OPEN' || !drive.lease.safe()) return 'enough'
  const token = drive.lease.token()
  // One transaction reads the lines too: a range that is claimed and not read would be followed by nobody.
  const claimed = await drive.db.tx(async (tx) => {
    const claim = await drive.store.claim(tx, drive.settings.id, drive.worker, token, want, drive.last_batch)
    if (claim === undefined) return undefined
    crashPoint('claim.written')
    await drive.load(tx, [claim.batch_id])
    return { claim, rows: await drive.store.selectOrders(tx, claim) }
  })
  if (claimed === undefined) return 'nothing'
  crashPoint('claim.committed')
  const { claim, rows } = claimed
  drive.last_batch = claim.batch_id
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
    drive.queue.push({
      kind: 'pay',
      row,
      order,
      rail_reference: order.reference,
      token,
      range,
      resent: false,
    })
  }
  return 'claimed'
}

/** Takes the pursuits that are due and queues what they ask for. */
export async function sweep(drive: Drive): Promise<void> {
  const { habits } = drive
  const room = claimSize(drive) - drive.queue.count(isPursuit)
  if (habits === undefined || room <= 0 || !drive.lease.safe()) return
  const busy = 2 * drive.settings.timeout_ms
  const token = drive.lease.token()
  const due = await drive.db.tx(async (tx) => {
    if (!(await drive.store.lockDriving(tx, drive.settings.id, token))) return []
    const rows = await drive.store.takeDue(tx, drive.settings.id, token, Math.min(room, 500), busy)
    if (rows.length === 0) return rows
    await drive.load(tx, [...new Set(rows.map((row) => row.batch_id))])
    for (const row of rows)
      if (row.state === 'RETRY' && !habits.makes_reference)
        await drive.store.setReference(tx, row.id, ownReference(drive, row))
    return rows
  })
  if (due.length > 0) crashPoint('pursuit.taken')
  for (const row of due) {
    const order = orderOf(row, drive.batch(row.batch_id))
    const paying = row.state === 'RETRY'
    if (paying && row.cancelled) {
      drive.settler.add(notTriedAgain(row), token)
      continue
    }
    // It comes due again while its question waits here behind others: a second one could resend what the first did.
    if (!paying && drive.pursued.has(row.id)) continue
    drive.pursued.add(row.id)
    const rail_reference = paying ? order.reference : row.rail_reference
    drive.queue.push({
      kind: paying ? 'pay' : 'find',
      row,
      order,
      rail_reference,
      token,
      due: row,
      resent: row.resent > 0 && !paying,
    })
  }
}

/** A new attempt that was given back unsent while its batch was cancelled: the refusal before it was the end. */
const notTriedAgain = ({ batch_id, seq, attempt, because }: DueRow): Outcome => {
  const code = because ?? 'RAIL_ERROR'
  return { batch_id, seq, attempt, word: 'FAILED', pursued: true, code, message: code }
}

const ownReference = (drive: Drive, row: OrderRow): string =>
  referenceOf(drive.batch(row.batch_id).secret, row.seq, row.attempt)

/** Lines of a paused batch that were claimed and not sent are freed: a pause takes hold at once. */
export async function holdPaused(drive: Drive): Promise<void> {
  const batches = [...new Set([...drive.ranges].filter((r) => r.pending.size > 0).map((r) => r.batch_id))]
  if (batches.length === 0) return
  const paused = new Set(await drive.store.pausedAmong(drive.db, batches))
  if (paused.size > 0) await freeUnsent(drive, (task) => paused.has(task.row.batch_id))
}

/** Frees the lines that this worker knows it never sent, and gives back pursuits that it did not work on. */
export async function freeUnsent(drive: Drive, which: (task: Task) => boolean): Promise<void> {
  const token = drive.lease.token()
  const tasks = drive.queue.remove(which)
  if (tasks.length === 0 || token === 0n) return
  const split = (tx: Tx): Promise<Split[]> => splitRanges(tx, drive, token, tasks)
  const splits = await drive.db.tx(split).catch((error: unknown) => {
    // Nothing was freed, so they go on waiting here. After a lost commit the lease is given up, and they with it.
    if (!(error instanceof CommitUnknown)) for (const task of tasks) drive.queue.push(task)
    throw error
  })
  crashPoint('free.committed')
  for (const { due } of tasks) if (due !== undefined) drive.pursued.delete(due.id)
  for (const { range, ids, free } of splits) {
    range.ids = ids
    for (const seq of free) range.pending.delete(seq)
  }
}

type Split = {
  readonly range: LiveRange
  readonly ids: readonly bigint[]
  readonly free: ReadonlySet<number>
}

async function splitRanges(tx: Tx, drive: Drive, token: bigint, tasks: readonly Task[]): Promise<Split[]> {
  // Whoever drives now recovers these ranges as possibly sent; freeing them too would be a second order.
  if (!(await drive.store.lockDriving(tx, drive.settings.id, token))) return []
  const pursued = tasks.flatMap((task) => (task.due === undefined ? [] : [task.due.id]))
  if (pursued.length > 0) await drive.store.giveBack(tx, pursued, token)
  const splits: Split[] = []
  for (const [range, unsent] of Map.groupBy(tasks, (task) => task.range)) {
    if (range === undefined) continue
    const free = new Set(unsent.map((task) => task.row.seq))
    const kept = [...range.pending].filter((seq) => !free.has(seq))
    const [sent, not_sent] = [runsOf(range.batch_id, kept), runsOf(range.batch_id, [...free])]
    const ids = await drive.store.splitRange(tx, drive.settings.id, token, range.ids, sent, not_sent)
    splits.push({ range, ids, free })
  }
  crashPoint('free.before-commit')
  return splits
}
