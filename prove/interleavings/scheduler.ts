import { createHash } from 'node:crypto'
import type { Control } from './control.ts'
import type { Random } from './random.ts'
import type { Actor, Stage, Step } from './stage.ts'

/** What the scheduler does besides choosing whose turn it is; all of it drawn from the seed beforehand. */
export type Twists = {
  /** How likely the one who was granted last is granted again: 0 changes at every statement. */
  readonly burst: number
  /** Somebody stands still from his nth step until nobody else can go on: a frozen process. */
  readonly freeze: { readonly actor: number; readonly at: number } | undefined
  /** A worker's process is killed before its nth step. */
  readonly kill: { readonly actor: number; readonly at: number } | undefined
  /** How likely the next timer goes off although others could go on. */
  readonly hurry: number
  /** How likely so many milliseconds pass at once before a choice: everybody was frozen, as far as leases know. */
  readonly leap: { readonly chance: number; readonly ms: number }
}

export type Played = {
  /** Who was granted what, in order: the same for the same seed. */
  readonly trace: readonly string[]
  readonly hash: string
  /** `a ⇄ b`: the use case a was in the middle when b was given its turn. */
  readonly pairs: ReadonlySet<string>
  /** The same with the statements between which it happened. */
  readonly places: ReadonlySet<string>
  readonly waits: number
  readonly deadlocks: number
  readonly leaps: number
  readonly killed: number
}

export type Play = {
  readonly stage: Stage
  readonly control: Control
  readonly random: Random
  readonly twists: Twists
  /** Kills an actor's process: its sessions are gone when it resolves. */
  readonly kill: (actor: Actor) => Promise<void>
  /** Real milliseconds after which it counts as hanging. */
  readonly deadline_ms: number
  /** Most steps that are granted. */
  readonly most: number
}

/** Grants one step at a time until everybody is done. Throws, with who waits for what, when that never happens. */
export async function play(input: Play): Promise<Played> {
  const { stage, random, twists } = input
  const until = performance.now() + input.deadline_ms
  const trace: string[] = []
  const pairs = new Set<string>()
  const places = new Set<string>()
  const counts = { waits: 0, deadlocks: 0, leaps: 0, killed: 0 }
  let last: Actor | undefined
  const pass = openTime(input)
  const note = (step: Step): void => {
    if (last !== undefined && last !== step.actor && !last.done && !last.dead) {
      pairs.add(`${last.use_case} ⇄ ${step.actor.use_case}`)
      places.add(`${last.use_case} after «${last.last}» ⇄ ${step.actor.use_case} before «${step.what}»`)
    }
    last = step.actor
    trace.push(`${step.actor.name}: ${step.what}`)
  }
  while (trace.length < input.most) {
    const { waiting, circle } = await calm(input, until)
    counts.waits += waiting
    if (circle) {
      counts.deadlocks += 1
      trace.push('deadlock')
      await whileDeadlocked(input, until)
      continue
    }
    const left = stage.actors.find((actor) => actor.done && !actor.dead && stage.waits(actor))
    if (left !== undefined) {
      // It gave up waiting for its own loop (a stop has a deadline), and its process ends.
      trace.push(`${left.name} exits`)
      await input.kill(left)
      continue
    }
    if (stage.actors.every((actor) => actor.done || actor.dead)) {
      const hash = createHash('sha256').update(trace.join('\n')).digest('hex').slice(0, 16)
      return { trace, hash, pairs, places, ...counts }
    }
    const victim = twists.kill && stage.actors[twists.kill.actor]
    if (victim && !victim.dead && !victim.done && victim.granted >= (twists.kill?.at ?? 0)) {
      trace.push(`${victim.name} is killed`)
      counts.killed += 1
      await input.kill(victim)
      continue
    }
    const asleep = twists.freeze && stage.actors[twists.freeze.actor]
    if (asleep) asleep.frozen = asleep.granted >= (twists.freeze?.at ?? 0)
    if (random.chance(twists.leap.chance)) {
      counts.leaps += 1
      trace.push(`${twists.leap.ms} ms pass`)
      await pass(twists.leap.ms)
    }
    const hurries = random.chance(twists.hurry) && isNear(stage)
    const step = hurries ? undefined : choose(input, last, trace.length)
    if (step === undefined) await idle(input, trace, until, pass)
    else {
      note(step)
      stage.grant(step)
    }
  }
  throw new Error(`not done after ${input.most} steps: ${whoWaits(stage)}`)
}

/**
 * Time passes at once for the processes, and for the database as soon as no lock forbids it and it is worth the trip.
 * So the processes' clocks may be ahead of it, which leases must bear; the reverse cannot be.
 */
function openTime({ stage, control }: Play): (ms: number) => Promise<void> {
  let owed = 0
  return async (ms) => {
    stage.advance(ms)
    owed += ms
    if (owed >= WORTH_MS && (await control.pass(owed))) owed = 0
  }
}
const WORTH_MS = 900

/** The one whose turn it is: mostly by chance, sometimes the same again, and who is frozen or has not begun only when alone. */
function choose(
  { stage, random, twists }: Play,
  last: Actor | undefined,
  steps_so_far: number,
): Step | undefined {
  const all = stage.steps()
  const awake = all.filter(
    ({ actor }) => !actor.frozen && (actor.granted > 0 || steps_so_far >= actor.begins_at),
  )
  const steps = awake.length > 0 ? awake : all
  if (steps.length === 0) return undefined
  const again = steps.filter((step) => step.actor === last)
  if (again.length > 0 && random.chance(twists.burst)) return random.pick(again)
  // In the order of the cast: which of them came to wait here first, the machine decides.
  const actors = stage.actors.filter((one) => steps.some((step) => step.actor === one))
  const actor = random.pick(actors)
  return random.pick(steps.filter((step) => step.actor === actor))
}

/** Only short rests end while others could go on: else whole lives would pass between two statements. */
const isNear = (stage: Stage): boolean =>
  stage
    .timers()
    .some((timer) => !timer.actor.done && !timer.actor.frozen && timer.due_ms - stage.now() <= NEAR_MS)
const NEAR_MS = 500

/** The next timer goes off; where there is none, a lock that is waited for runs out by itself. */
async function idle(
  { stage }: Play,
  trace: string[],
  until: number,
  pass: (ms: number) => Promise<void>,
): Promise<void> {
  const timers = stage.timers().filter((timer) => !timer.actor.done)
  const awake = timers.filter((timer) => !timer.actor.frozen)
  const next = (awake.length > 0 ? awake : timers).toSorted((a, b) => a.due_ms - b.due_ms)[0]
  if (next !== undefined) {
    const ms = Math.max(0, next.due_ms - stage.now())
    trace.push(`${next.actor.name}: timer after ${ms} ms`)
    if (ms > 0) await pass(ms)
    stage.fire(next)
    return
  }
  if (performance.now() > until) throw new Error(`it hangs: ${whoWaits(stage)}`)
  if (stage.steps().length === 0) await stage.stir(5)
}

/** Waits until everybody stands still: waiting for a turn, for a lock, or done. */
async function calm(input: Play, until: number): Promise<{ waiting: number; circle: boolean }> {
  const { stage, control } = input
  for (const flight of stage.flights()) flight.blocked = false
  await stage.stir(0)
  for (let round = 0; !stage.isStill(); round++) {
    if (performance.now() > until) throw new Error(`it hangs: ${whoWaits(stage)}`)
    await stage.stir(round === 0 ? 2 : 1)
    const flights = stage.flights()
    if (flights.length === 0) continue
    const pids = flights.map((flight) => flight.pid())
    const blocked = await control.blocked(pids, stage.sessions())
    for (const flight of flights) flight.blocked = blocked.has(flight.pid())
  }
  const pids = stage.flights().map((flight) => flight.pid())
  return { waiting: pids.length, circle: pids.length > 1 && (await control.deadlocked(pids)) }
}

/** The server finds its victim by itself; until then nothing else is granted, or a replay would differ. */
async function whileDeadlocked({ stage, control }: Play, until: number): Promise<void> {
  while (performance.now() < until) {
    const pids = stage.flights().map((flight) => flight.pid())
    if (pids.length < 2 || !(await control.deadlocked(pids))) {
      await stage.stir(RETRIED_MS)
      return
    }
    await stage.stir(10)
  }
  throw new Error(`a deadlock that the database does not resolve: ${whoWaits(stage)}`)
}

/** `Db.tx` rests for up to 20 ms, by the machine's clock, before it runs the victim's work again. */
const RETRIED_MS = 40

const whoWaits = (stage: Stage): string =>
  [
    ...stage.steps().map((step) => `${step.actor.name} waits for its turn to «${step.what}»`),
    ...stage
      .flights()
      .map((flight) => `${flight.actor.name} is in «${flight.actor.last}», blocked: ${flight.blocked}`),
    ...stage.actors.filter((a) => !a.done && !a.dead).map((a) => `${a.name} is not done`),
  ].join('; ')
