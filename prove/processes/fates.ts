import { crashPoints, type CrashPoint } from '../../src/platform/crash-point.ts'
import type { Want } from './world.ts'
import { weathers, type Mode, type Weather } from './world.ts'

/** How a process ends. It is born with it: a crash point is armed in its environment. */
export type Death = { tries: number } & Way

type Way =
  | { readonly kind: 'point'; readonly name: CrashPoint; readonly n: number }
  /** SIGKILL from outside, this long after it began to work. */
  | { readonly kind: 'kill'; readonly after_ms: number }
  /** SIGSTOP for longer than its lease, SIGCONT, and SIGKILL a while later. */
  | { readonly kind: 'freeze'; readonly after_ms: number; readonly leases: number }
  /** SIGTERM: it ends by itself, in time. */
  | { readonly kind: 'stop'; readonly after_ms: number }

export type Who = 'worker' | 'api' | 'people'

/** What must be going on for a point to be reached, and in which process it is. */
type Place = {
  readonly who: Who
  readonly want?: Want
  /** The rail must be used this way. */
  readonly mode?: Mode
  /** It is reached when the process is told to stop. */
  readonly stop?: true
}

export const places: Readonly<Record<CrashPoint, Place>> = {
  'lease.taken': { who: 'worker' },
  'recover.middle': { who: 'worker' },
  'recover.before-commit': { who: 'worker' },
  'recover.committed': { who: 'worker' },
  'claim.written': { who: 'worker' },
  'claim.committed': { who: 'worker' },
  'call.before-send': { who: 'worker' },
  'call.answered': { who: 'worker' },
  'settle.changed': { who: 'worker' },
  'settle.before-commit': { who: 'worker' },
  'settle.committed': { who: 'worker' },
  'pursuit.taken': { who: 'worker' },
  'pursuit.answered': { who: 'worker' },
  'resend.committed': { who: 'worker' },
  'quote.committed': { who: 'worker', mode: 'two-phase' },
  'stepwise.looked-up': { who: 'worker', mode: 'stepwise' },
  'stepwise.quoted': { who: 'worker', mode: 'stepwise' },
  'free.before-commit': { who: 'worker', want: 'pause' },
  'free.committed': { who: 'worker', stop: true },
  'stop.drained': { who: 'worker', stop: true },
  'upload.spooled': { who: 'api', want: 'upload' },
  'idempotency.claimed': { who: 'api', want: 'upload' },
  'upload.copied': { who: 'api', want: 'upload' },
  'upload.reserved': { who: 'api', want: 'upload' },
  'idempotency.completed': { who: 'api', want: 'upload' },
  'upload.committed': { who: 'api', want: 'upload' },
  'cancel.before-commit': { who: 'api', want: 'cancel' },
  'cancel.committed': { who: 'api', want: 'cancel' },
  'pause.before-commit': { who: 'api', want: 'pause' },
  'pause.committed': { who: 'api', want: 'pause' },
  'review.confirmed': { who: 'people' },
  'outbox.taken': { who: 'worker' },
  'outbox.handled': { who: 'worker' },
  'webhook.sent': { who: 'worker' },
  'incoming.booked': { who: 'api', want: 'incoming' },
  'incoming.committed': { who: 'api', want: 'incoming' },
}

/** Points that are passed many times a second, where it matters which time it is. */
const OFTEN = new Set<CrashPoint>([
  'call.before-send',
  'call.answered',
  'pursuit.answered',
  'settle.changed',
  'settle.before-commit',
  'settle.committed',
  'stepwise.looked-up',
  'stepwise.quoted',
  'quote.committed',
])

/** One stretch of the campaign: a way to use the rail under one weather, and who dies how in it. */
export type Block = {
  readonly mode: Mode
  readonly weather: Weather
  readonly workers: Death[]
  readonly apis: Death[]
  readonly people: Death[]
}

/** What a crash point under a weather is called where it is counted: `claim.committed (links)`. */
export const placeName = (name: CrashPoint, weather: Weather): string => `${name} (${weather})`

/** Every pair that a whole campaign covers. */
export const allPlaces = (): string[] =>
  crashPoints.flatMap((name) => weathers.map((weather) => placeName(name, weather)))

/**
 * Deals `kills` deaths in all: every point under every weather, and deaths at any moment for the rest; of fewer, a
 * drawn part, with one death in four at any moment.
 */
export function deal(kills: number, random: () => number): Block[] {
  const all = crashPoints.flatMap((name) => weathers.map((weather) => ({ name, weather })))
  // A short run uses the rail one way only: each other way has to be begun and finished apart.
  const short = all.filter(({ name }) => (places[name].mode ?? 'one-call') === 'one-call')
  const points =
    kills >= all.length ? shuffle(all, random) : shuffle(short, random).slice(0, Math.ceil(kills * 0.75))
  const blocks = (['one-call', 'stepwise', 'two-phase'] as const).flatMap((mode) =>
    weathers.map((weather): Block => ({ mode, weather, workers: [], apis: [], people: [] })),
  )
  for (const { name, weather } of points) {
    const { who, mode = 'one-call' } = places[name]
    const block = blocks.find((one) => one.mode === mode && one.weather === weather)
    const n = nthOf(name, random)
    const death: Death = { kind: 'point', name, n, tries: 0 }
    block?.[who === 'worker' ? 'workers' : who === 'api' ? 'apis' : 'people'].push(death)
  }
  // Blocks of their own mode get a share of the other deaths, but most fall where most is paid.
  const used = blocks.filter((block) => block.workers.length + block.apis.length + block.people.length > 0)
  const chances = used.flatMap((block) => (block.mode === 'one-call' ? [block, block, block] : [block]))
  for (let dealt = points.length; dealt < kills;) {
    const block = chances[Math.floor(random() * chances.length)]
    const death = { tries: 0, ...anyWay(random) }
    block?.[random() < 0.7 ? 'workers' : 'apis'].push(death)
    if (death.kind !== 'stop') dealt += 1
  }
  return used.map((block) => ({
    ...block,
    workers: pointsEarly(block.workers, random),
    apis: pointsEarly(block.apis, random),
  }))
}

/**
 * The order of a seed, with the points in its first two thirds: a block that runs out of time has done without deaths at
 * any moment, and not without places.
 */
function pointsEarly(deck: readonly Death[], random: () => number): Death[] {
  const placed = deck.map((death) => ({ death, at: random() * (death.kind === 'point' ? 2 : 3) }))
  return placed.toSorted((a, b) => a.at - b.at).map(({ death }) => death)
}

/** Which time it comes by the point is the last. The first upload of an API succeeds: others live on what it brings. */
function nthOf(name: CrashPoint, random: () => number): number {
  if (OFTEN.has(name)) return 1 + Math.floor(40 * random() * random())
  return places[name].want === 'upload' ? 2 + Math.floor(2 * random()) : 1
}

function anyWay(random: () => number): Way {
  const kind = random()
  const after_ms = Math.floor(random() * 1_200)
  if (kind < 0.65) return { kind: 'kill', after_ms }
  if (kind < 0.85) return { kind: 'freeze', after_ms, leases: 1.5 + 2 * random() }
  return { kind: 'stop', after_ms }
}

/** The order of a seed (Fisher and Yates). */
export function shuffle<T>(items: readonly T[], random: () => number): T[] {
  const out = [...items]
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const [a, b] = [out[i], out[j]]
    if (a !== undefined && b !== undefined) [out[i], out[j]] = [b, a]
  }
  return out
}
