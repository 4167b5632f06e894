import { writeSync } from 'node:fs'

/**
 * Places where dying differs from dying one step earlier, each named after what has just happened. `npm run prove`
 * starts the product's processes with one of them armed and lets them kill themselves there.
 */
export const crashPoints = [
  // The lease of a rail, and what another worker left.
  'lease.taken',
  'recover.middle',
  'recover.before-commit',
  'recover.committed',
  // From the claim of a range to the settled set.
  'claim.written',
  'claim.committed',
  'call.before-send',
  'call.answered',
  'settle.changed',
  'settle.before-commit',
  'settle.committed',
  // Lines that left the straight path.
  'pursuit.taken',
  'pursuit.answered',
  'resend.committed',
  'quote.committed',
  'stepwise.looked-up',
  'stepwise.quoted',
  // A worker that stops or holds a paused batch.
  'free.before-commit',
  'free.committed',
  'stop.drained',
  // An upload.
  'upload.spooled',
  'idempotency.claimed',
  'upload.copied',
  'upload.reserved',
  'idempotency.completed',
  'upload.committed',
  // What people do to a batch or a line.
  'cancel.before-commit',
  'cancel.committed',
  'pause.before-commit',
  'pause.committed',
  'review.confirmed',
  // News for the world.
  'outbox.taken',
  'outbox.handled',
  'webhook.sent',
  // Money that comes in.
  'incoming.booked',
  'incoming.committed',
] as const

export type CrashPoint = (typeof crashPoints)[number]

let armed: CrashPoint | undefined
let left = 0

/** Kills this process (-9) when the point is the armed one and is reached for the n-th time; else it returns at once. */
export function crashPoint(name: CrashPoint): void {
  if (armed === name && --left === 0) die(name)
}

/** `name` or `name:n`, as CAURI_CRASH_AT gives it. Answers a sentence when it is neither. */
export function readCrashPoint(text: string): { readonly name: CrashPoint; readonly n: number } | string {
  const [word = '', times = '1', ...rest] = text.split(':')
  const name = crashPoints.find((known) => known === word)
  const n = Number(times)
  if (name === undefined) return `no such crash point: ${word.slice(0, 40)}`
  return rest.length === 0 && Number.isInteger(n) && n >= 1 ? { name, n } : `${times} is not a count from 1`
}

/** Arms the point that the environment names; `readConfig` has checked it, and refused it in production. */
export function armCrashPoint(text: string | undefined): void {
  if (text === undefined || text === '') return
  const read = readCrashPoint(text)
  if (typeof read === 'string') throw new Error(`CAURI_CRASH_AT: ${read}`)
  armed = read.name
  left = read.n
}

/** Nothing may run after it: no handler, no flush of a buffer. The line before it tells this death from others. */
function die(name: CrashPoint): never {
  writeSync(2, `crash point ${name}\n`)
  process.kill(process.pid, 'SIGKILL')
  for (;;); // the kernel needs a moment; what follows the point must not run in it
}
