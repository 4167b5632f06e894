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
  const counts = { waits: 0, leaps: 0, killed: 0 }
  const deadlocks_before = stage.deadlocks()
  let last: Actor | undefined
  /** For the processes and for the database at once. */
  const pass = async (ms: number): Promise<void> => {
    stage.advance(ms)
    await input.control.pass(ms)
  }
  const note = (step: Step): void => {
    if (last !== undefined && last !== step.actor && !last.done && !last.dead) {
      pairs.add(`${last.use_case} ⇄ ${step.actor.use_case}`)
      places.add(`${last.use_case} after «${last.last}» ⇄ ${step.actor.use_case} before «${step.what}»`)
    }
    last = step.actor
    trace.push(`${step.actor.name}: ${step.what}`)
  }
  while (trace.length < input.most) {
    counts.waits += await calm(input, until)
    const left = stage.actors.find((actor) => actor.done && !actor.dead && stage.waits(actor))
    if (left !== undefined) {
      // It gave up waiting for its own loop (a stop has a deadline), and its process ends.
      trace.push(`${left.name} exits`)
      await oneByOne(input, until, () => input.kill(left), left)
      continue
    }
    if (stage.actors.every((actor) => actor.done || actor.dead)) {
      const hash = createHash('sha256').update(trace.join('\n')).digest('hex').slice(0, 16)
      const deadlocks = stage.deadlocks() - deadlocks_before
      return { trace, hash, pairs, places, deadlocks, ...counts }
    }
    const victim = twists.kill && stage.actors[twists.kill.actor]
    if (victim && !victim.dead && !victim.done && victim.granted >= (twists.kill?.at ?? 0)) {
      trace.push(`${victim.name} is killed`)
      counts.killed += 1
      await oneByOne(input, until, () => input.kill(victim), victim)
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
    if (step === undefined) await idle(input, trace, pass)
    else {
      note(step)
      await oneByOne(input, until, async () => stage.grant(step))
    }
  }
  throw new Error(`not done after ${input.most} steps: ${whoWaits(stage)}`)
}

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

/** The next timer goes off. */
async function idle({ stage }: Play, trace: string[], pass: (ms: number) => Promise<void>): Promise<void> {
  const timers = stage.timers().filter((timer) => !timer.actor.done)
  const awake = timers.filter((timer) => !timer.actor.frozen)
  const next = (awake.length > 0 ? awake : timers).toSorted((a, b) => a.due_ms - b.due_ms)[0]
  if (next === undefined) throw new Error(`it hangs: ${whoWaits(stage)}`)
  const ms = Math.max(0, next.due_ms - stage.now())
  trace.push(`${next.actor.name}: timer after ${ms} ms`)
  if (ms > 0) await pass(ms)
  stage.fire(next)
}

/**
 * Does what may end a transaction. It may let go several who wait for locks, and they would race: each goes on only when
 * those before it stand still, in the order in which they came. `victim`: who is to end, wherever it waits.
 */
async function oneByOne(input: Play, until: number, act: () => Promise<void>, victim?: Actor): Promise<void> {
  const { stage, control } = input
  const waiting = stage.flights().filter((flight) => flight.actor !== victim)
  for (const flight of waiting) flight.held = true
  control.hold(waiting.map((flight) => flight.pid()))
  try {
    await act()
    while (waiting.length > 0) {
      await calm(input, until)
      const next = waiting.shift()
      if (next === undefined) break
      next.held = false
      control.letGo(next.pid())
    }
  } finally {
    for (const flight of waiting) control.letGo(flight.pid())
  }
}

/**
 * Waits until everybody stands still: waiting for a turn, for a timer, for a lock, or done. Answers how many wait for a
 * lock. Whom the last statement has let go is on its way before its answer is here, so a look at the locks counts only
 * when no answer came since it began; and a session has told of its wait before the locks show another one.
 */
async function calm({ stage, control }: Play, until: number): Promise<number> {
  for (let round = 0; ; round++) {
    await stage.stir(round === 0 ? 0 : round === 1 ? 2 : 1)
    const flights = stage.flights().filter((flight) => !flight.held)
    if (flights.length === 0 && stage.isStill()) return 0
    if (performance.now() > until) throw new Error(`it hangs: ${whoWaits(stage)}`)
    if (flights.length === 0 || (round === 0 && flights.some((flight) => !flight.blocked))) continue
    const landed = stage.landed()
    const pids = flights.map((flight) => flight.pid())
    const blocked = await control.blocked(pids, stage.sessions())
    await stage.stir(0)
    if (stage.landed() !== landed) continue
    for (const flight of flights) flight.blocked = blocked.has(flight.pid()) && flight.waits()
    if (stage.isStill()) return flights.length
  }
}

const whoWaits = (stage: Stage): string =>
  [
    ...stage.steps().map((step) => `${step.actor.name} waits for its turn to «${step.what}»`),
    ...stage
      .flights()
      .map((flight) => `${flight.actor.name} is in «${flight.actor.last}», blocked: ${flight.blocked}`),
    ...stage.actors.filter((a) => !a.done && !a.dead).map((a) => `${a.name} is not done`),
  ].join('; ')
