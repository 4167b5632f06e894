import type { Answer } from '../../connectors/index.ts'
import { crashPoint } from '../../platform/crash-point.ts'
import { CommitUnknown } from '../../platform/db.ts'
import { unreachable } from '../../platform/errors.ts'
import { askAgain, pursuedNoMore } from './ask-again.ts'
import { fill, freeUnsent, holdPaused, lowWater, sweep } from './claims.ts'
import { openDrive, type Drive, type DriverDeps } from './drive.ts'
import { newAttempt, readAnswer, type Sent } from './outcome.ts'
import { nextStep } from './pursue.ts'
import { recover } from './recover.ts'
import { mayTryAgain, rest } from './rest.ts'
import type { Task } from './task.ts'

/** How often in a row one order may fail to leave before it counts as uncertain. */
const MOST_UNSENT = 50

/** Drives one connection to a rail, or stands by while another worker does. */
export type Driver = {
  readonly start: () => void
  /** New work may be there: look now rather than at the next poll. */
  readonly wake: () => void
  /** Stops claiming, lets calls finish, settles, frees what was never sent. */
  readonly stop: (deadline_ms: number) => Promise<void>
  readonly driving: () => boolean
  /** Something is queued, under way at the rail, or being settled. */
  readonly paying: () => boolean
}

export function openDriver(deps: DriverDeps): Driver {
  const drive = openDrive(deps)
  const { sleep } = deps.clock
  let running: Promise<void> | undefined
  let wake = (): void => undefined
  const pump = (): void => {
    while (maySend(drive)) {
      const task = drive.queue.take()
      if (task === undefined) break
      // Claimed under an older lease: whoever drove in between has recovered it.
      if (task.token !== drive.lease.token()) drive.queue.done(task)
      else void launch(drive, task).then(pump)
    }
    if (drive.more && drive.queue.length() < lowWater(drive)) wake()
    const { rate_per_s } = drive.settings
    if (rate_per_s > 0 && drive.queue.length() > 0 && !drive.stopping)
      pacing ??= drive.clock.after(1_000 / rate_per_s, paced)
  }
  let pacing: (() => void) | undefined
  const paced = (): void => {
    pacing = undefined
    pump()
  }

  async function run(): Promise<void> {
    let troubles = 0
    while (!drive.stopping) {
      let busy = false
      try {
        busy = await turn(drive, pump)
        troubles = 0
      } catch (error) {
        // The loop itself must go on: the database may be away, or the rail; both come back.
        if (troubles++ % 20 === 0)
          drive.log.warn({ err: error, connection: drive.settings.id }, 'the driver waits')
        // What was claimed or freed may be committed without our knowing it: nobody would follow it.
        if (error instanceof CommitUnknown) await drive.lease.drop('a commit was lost').catch(() => undefined) // then it ends by itself
        await sleep(Math.min(drive.settings.poll_ms * troubles, drive.settings.lease_ms / 5))
      }
      if (!busy && !drive.stopping) await Promise.race([sleep(drive.settings.poll_ms), woken()])
    }
  }
  const woken = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve
    })

  return {
    start: () => void (running ??= run()),
    wake: () => wake(),
    driving: () => drive.lease.safe(),
    paying: () => !isIdle(drive),
    async stop(deadline_ms) {
      const until = drive.clock.now() + deadline_ms
      drive.stopping = true
      wake()
      // A silent rail may hold the loop in its probe for longer than we have; nothing was claimed in it.
      await Promise.race([running, sleep(Math.max(0, deadline_ms - 3_000))])
      await freeUnsent(drive, () => true)
      while (drive.in_flight > 0 && drive.clock.now() < until - 1_500) await sleep(20)
      await drive.settler.drain(Math.max(1_000, until - drive.clock.now()))
      crashPoint('stop.drained')
      await drive.lease.release()
    },
  }
}

/** One turn of the loop: keep the lease, recover, take work. Answers true when there may be more at once. */
async function turn(drive: Drive, pump: () => void): Promise<boolean> {
  const taken = await drive.lease.keep()
  const token = drive.lease.token()
  if (taken || token === 0n) {
    // What is still queued here was claimed under an older token: whoever drives now recovers it.
    drive.queue.remove(() => true)
    drive.ranges.clear()
    drive.pursued.clear()
  }
  if (token === 0n) return false
  if (drive.ready !== token || drive.habits === undefined) {
    drive.habits = await drive.rail.probe()
    await drive.store.setMode(drive.db, drive.settings.id, drive.habits.mode)
    const deps = { ...drive, habits: drive.habits }
    while ((await recover(deps, token)) > 0) await drive.lease.keep()
    drive.ready = token
  }
  if (drive.stop_because !== undefined) await rest(drive, drive.stop_because)
  if (drive.lease.state() === 'STOPPED' && !(await mayTryAgain(drive))) return false
  if (drive.resting) {
    drive.resting = false
    drive.breaker.halfOpen()
  }
  if (isIdle(drive)) {
    const { open, due } = await drive.store.glance(drive.db, drive.settings.id)
    if (!open && !due) {
      drive.more = false
      drive.forget()
      return false
    }
  }
  if (drive.clock.now() - drive.swept_at >= drive.settings.poll_ms) {
    drive.swept_at = drive.clock.now()
    await holdPaused(drive)
    await sweep(drive)
  }
  const filled = await fill(drive)
  drive.more = filled !== 'nothing'
  drive.forget()
  pump()
  return filled === 'claimed'
}

/** Nothing is queued, asked or being settled: one cheap look is enough, and a resting worker costs next to nothing. */
const isIdle = (drive: Drive): boolean =>
  drive.in_flight + drive.queue.length() + drive.settler.backlog() === 0

function maySend(drive: Drive): boolean {
  if (drive.stopping || drive.stop_because !== undefined || !drive.lease.safe()) return false
  const now = drive.clock.now()
  if (drive.in_flight >= Math.min(drive.window.size(), drive.breaker.allowed(now))) return false
  if (drive.settler.backlog() > 8_000) return false
  if (drive.settings.rate_per_s > 0) {
    const step = 1_000 / drive.settings.rate_per_s
    if (now < drive.rate_from) return false
    drive.rate_from = Math.max(drive.rate_from + step, now - step)
  }
  return true
}

/** Asks the rail one thing, outside any transaction, and does with the answer what it means. */
async function launch(drive: Drive, task: Task): Promise<void> {
  const { token } = task
  const full = drive.in_flight + 1 >= drive.window.size()
  drive.in_flight += 1
  const started = drive.clock.now()
  drive.pace.note(started)
  let answer = await ask(drive, () =>
    task.kind === 'pay'
      ? drive.rail.pay(task.order, () => drive.lease.token() === token && drive.lease.safe())
      : drive.rail.find(task.order, task.rail_reference),
  )
  crashPoint(task.kind === 'pay' ? 'call.answered' : 'pursuit.answered')
  note(drive, answer, drive.clock.now() - started, full)
  if (answer.kind === 'quoted' && task.kind === 'pay') {
    // The rail made its reference: it is committed before the step that moves money.
    const { rail_reference } = answer
    const sent = { ...sentOf(task), rail_reference }
    const outcome = readAnswer(drive.settings, sent, answer)
    const committed = await new Promise<boolean>((resolve) =>
      drive.settler.add(outcome, token, task.range, resolve),
    )
    crashPoint('quote.committed')
    const safe = committed && drive.lease.token() === token && drive.lease.safe()
    answer = safe
      ? await ask(drive, () => drive.rail.confirm(task.order, rail_reference))
      : { kind: 'unknown', because: 'the lease was over before the acceptance', said: {} }
    // An acceptance that surely never left is still uncertain: the transfer waits at the rail.
    if (answer.kind === 'unsent' || answer.kind === 'stop') answer = { ...answer, kind: 'unknown' }
    finish(drive, { ...task, rail_reference }, token, answer, true)
  } else finish(drive, task, token, answer, task.due !== undefined)
  drive.in_flight -= 1
  drive.queue.done(task)
}

/** A connector that throws is a bug, and a bug after a call left must not read as anything but «not known». */
async function ask(drive: Drive, call: () => Promise<Answer>): Promise<Answer> {
  try {
    return await call()
  } catch (error) {
    drive.log.error({ err: error, connection: drive.settings.id }, 'the connector broke')
    return { kind: 'unknown', because: 'the connector broke', said: {} }
  }
}

/** Only failures of the rail itself count: a payee who refuses is the rail at work. */
function note(drive: Drive, answer: Answer, latency_ms: number, full: boolean): void {
  const silent = answer.kind === 'unknown' && answer.said.http_status === undefined
  const gateway = answer.kind === 'refused' && answer.said.http_status === 504
  const busy = answer.kind === 'refused' && answer.reason === 'RAIL_BUSY'
  const failed = silent || gateway || answer.kind === 'unsent'
  drive.breaker.note(drive.clock.now(), failed)
  drive.window.note(latency_ms, failed || busy, full)
}

const sentOf = (task: Task): Sent => ({
  batch_id: task.row.batch_id,
  seq: task.row.seq,
  attempt: task.row.attempt,
  order: task.order,
  rail_reference: task.rail_reference,
  pursued: task.due !== undefined,
  resent: task.resent,
})

function finish(drive: Drive, task: Task, token: bigint, answer: Answer, pursued: boolean): void {
  const sent = { ...sentOf(task), pursued }
  const { due } = task
  const settled = due && ((): void => pursuedNoMore(drive, due.id, token))
  if (answer.kind === 'unsent') {
    // Nothing changed for the order: it waits with its reference, behind the others, for one that never gets through
    // must not keep them from trying. It counts tenfold while others do get through; in the end people look at it.
    const unsent = (task.unsent ?? 0) + (drive.breaker.state() === 'CLOSED' ? 10 : 1)
    const waits = task.due === undefined || task.due.state === 'RETRY'
    if (waits && unsent < MOST_UNSENT) return drive.queue.push({ ...task, unsent })
    answer = { ...answer, kind: 'unknown' }
  }
  if (answer.kind === 'stop') {
    drive.stop_because ??= answer.because
    if (answer.refused !== true) drive.queue.back(task)
    else {
      // The rail's own record of the reference speaks for every time that it was sent.
      const resent = sent.resent && task.kind === 'pay'
      drive.settler.add(newAttempt(drive.settings, { ...sent, resent }, answer), token, task.range, settled)
    }
    return
  }
  if (task.kind === 'pay') {
    drive.settler.add(readAnswer(drive.settings, sent, answer), token, task.range, settled)
    return
  }
  if (task.due === undefined || drive.habits === undefined) throw new Error('a question without a pursuit')
  const step = nextStep(drive.settings, drive.habits, task.due, sent, answer)
  switch (step.kind) {
    case 'settle':
      drive.settler.add(step.outcome, token, undefined, settled)
      return
    case 'ask-again':
    case 'resend':
      void askAgain(drive, task, task.due, token, step)
      return
    default:
      unreachable(step)
  }
}
