import { setImmediate as breath } from 'node:timers/promises'
import type { Clock } from '../../src/payments/engine/ports.ts'

/** Who does one use case. All that it does outside its own memory are steps, and each step waits here for its turn. */
export type Actor = {
  readonly name: string
  readonly use_case: string
  /** True when nothing but steps and timers of the stage keeps it waiting: then it stands still when these do. */
  readonly closed: boolean
  /** The label of its last granted step. */
  last: string
  granted: number
  done: boolean
  /** Killed: it is never granted anything again. */
  dead: boolean
  /** The scheduler leaves it standing while anybody else can go on. */
  frozen: boolean
  /** It begins after so many steps of all, or when nobody else can go on: in the middle of what others do. */
  begins_at: number
}

export type Step = { readonly actor: Actor; readonly what: string; readonly go: () => void }
export type Timer = { readonly actor: Actor; readonly due_ms: number; readonly call: () => void }

/** A statement that was let go and has not come back. */
export type Flight = {
  readonly actor: Actor
  readonly pid: () => number
  /** Its session says that it waits for a lock, and has found no deadlock. */
  readonly waits: () => boolean
  /** Seen to wait for a lock. */
  blocked: boolean
  /** Stopped there. */
  held: boolean
}

/** An open transaction. While nothing of it stands here, it is at work, or rests before it is tried again. */
export type Transaction = { readonly end: () => void; standing: number }

/** Everybody who acts in one schedule, and what each of them waits for. */
export type Stage = {
  readonly actors: readonly Actor[]
  readonly enter: (name: string, use_case: string, closed: boolean) => Actor
  /** Waits for its turn. */
  readonly step: (actor: Actor, what: string) => Promise<void>
  readonly steps: () => readonly Step[]
  /** True when it waits for a turn, or for a statement to come back. */
  readonly waits: (actor: Actor) => boolean
  readonly grant: (step: Step) => void
  readonly timers: () => readonly Timer[]
  readonly fire: (timer: Timer) => void
  /** Time as everybody here sees it, in milliseconds. */
  readonly now: () => number
  readonly advance: (ms: number) => void
  readonly clockOf: (actor: Actor) => Clock
  /** A statement leaves; the answer is called when it has come back. */
  readonly depart: (actor: Actor, pid: () => number, waits: () => boolean) => () => void
  readonly begin: (actor: Actor) => Transaction
  /** Something that is no step (a connection is made): nobody stands still meanwhile. Call the answer at its end. */
  readonly outside: () => () => void
  readonly flights: () => readonly Flight[]
  /** How many statements have come back. */
  readonly landed: () => number
  /** A statement was the victim of a deadlock. */
  readonly deadlock: () => void
  readonly deadlocks: () => number
  /** Every session that has sent something. */
  readonly sessions: () => readonly number[]
  /** True when nobody can go on without being granted something. Ask after `stir`. */
  readonly isStill: () => boolean
  /** Lets memory run until it waits; then up to `ms` for news. */
  readonly stir: (ms: number) => Promise<void>
}

export function openStage(): Stage {
  const actors: Actor[] = []
  const news = openNews()
  const time = openTime()
  const flying = openFlights(news.tell)
  const open = new Map<Transaction, Actor>()
  let steps: Step[] = []
  let away = 0
  let deadlocks = 0

  const waits = (actor: Actor): boolean =>
    steps.some((step) => step.actor === actor) || flying.flights().some((flight) => flight.actor === actor)
  return {
    ...time,
    ...flying,
    actors,
    waits,
    stir: news.stir,
    enter(name, use_case, closed) {
      const actor = actorOf(name, use_case, closed)
      actors.push(actor)
      return actor
    },
    step: (actor, what) =>
      new Promise((resolve) => {
        steps.push({ actor, what, go: resolve })
        news.tell()
      }),
    steps: () => steps.filter((step) => !step.actor.dead),
    grant(step) {
      steps = steps.filter((one) => one !== step)
      step.actor.last = step.what
      step.actor.granted += 1
      step.go()
    },
    begin(actor) {
      const one: Transaction = { standing: 0, end: () => void open.delete(one) }
      open.set(one, actor)
      return one
    },
    deadlock: () => void (deadlocks += 1),
    deadlocks: () => deadlocks,
    outside() {
      away += 1
      return () => {
        away -= 1
        news.tell()
      }
    },
    isStill: () =>
      away === 0 &&
      flying.flights().every((flight) => flight.blocked || flight.held) &&
      [...open].every(([one, actor]) => one.standing > 0 || actor.dead) &&
      actors.every((actor) => actor.done || actor.dead || actor.closed || waits(actor)),
  }
}

export const actorOf = (name: string, use_case: string, closed: boolean): Actor => ({
  name,
  use_case,
  closed,
  last: 'start',
  granted: 0,
  done: false,
  dead: false,
  frozen: false,
  begins_at: 0,
})

function openTime(): Pick<Stage, 'timers' | 'fire' | 'now' | 'advance' | 'clockOf'> {
  let timers: Timer[] = []
  let now = 1_000_000
  const after = (actor: Actor, ms: number, call: () => void): (() => void) => {
    const timer: Timer = { actor, due_ms: now + Math.max(0, ms), call }
    timers.push(timer)
    return () => void (timers = timers.filter((one) => one !== timer))
  }
  return {
    timers: () => timers.filter((timer) => !timer.actor.dead),
    fire(timer) {
      timers = timers.filter((one) => one !== timer)
      timer.call()
    },
    now: () => now,
    advance: (ms) => void (now += ms),
    clockOf: (actor) => ({
      now: () => now,
      wall: () => now,
      sleep: (ms) => new Promise((resolve) => void after(actor, ms, resolve)),
      after: (ms, call) => after(actor, ms, call),
    }),
  }
}

function openFlights(tell: () => void): Pick<Stage, 'depart' | 'flights' | 'landed' | 'sessions'> {
  const flights = new Set<Flight>()
  const sessions = new Set<number>()
  let landed = 0
  return {
    depart(actor, pid, waits) {
      const flight: Flight = { actor, pid, waits, blocked: false, held: false }
      flights.add(flight)
      sessions.add(pid())
      return () => {
        flights.delete(flight)
        landed += 1
        tell()
      }
    },
    flights: () => [...flights],
    landed: () => landed,
    sessions: () => [...sessions],
  }
}

function openNews(): { readonly tell: () => void; readonly stir: Stage['stir'] } {
  let tell = (): void => undefined
  return {
    tell: () => tell(),
    async stir(ms) {
      await breath()
      await breath()
      if (ms === 0) return
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        tell = resolve
        timer = setTimeout(resolve, ms)
      })
      clearTimeout(timer)
      tell = () => undefined
      await breath()
      await breath()
    },
  }
}
