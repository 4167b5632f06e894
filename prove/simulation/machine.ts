import type { Clock } from '../../src/payments/engine/ports.ts'
import type { Time } from './time.ts'

/**
 * A worker's process. Whatever comes back to it (a timer, a row, an answer) comes through `gate`: after a kill it
 * never arrives, during a freeze it waits. What it does after its own end has no effect: a kill stops it at once, even
 * where the code that runs here has not noticed yet.
 */
export type Process = {
  readonly name: string
  /** False for what faults spare: the people's own computers. */
  readonly mortal: boolean
  readonly clock: Clock
  readonly gate: (call: () => void) => () => void
  /** kill -9: what ran here never goes on. */
  readonly kill: () => void
  readonly alive: () => boolean
  /** SIGSTOP, and SIGCONT after so long. */
  readonly freeze: (ms: number) => void
  readonly thawsIn: () => number
  /** The whole machine: its monotonic clock stands still for as long as it is suspended. */
  readonly suspend: (ms: number) => void
  readonly setWall: (by_ms: number) => void
}

/** Starts a process; `died` is called when it is killed. Without it, it is spared. */
export function startProcess(time: Time, name: string, died?: () => void): Process {
  let alive = true
  let thaws_at = 0
  let stood_still = 0
  let wall_ahead = 0
  const gate = (call: () => void): (() => void) => {
    const arrive = (): void => {
      if (!alive) return
      if (time.now() < thaws_at) time.after(thaws_at - time.now(), `${name} thaws`, arrive)
      else call()
    }
    return arrive
  }
  const after = (ms: number, call: () => void): (() => void) => time.after(ms, name, gate(call))
  const freeze = (ms: number): void => {
    time.mark('freeze')
    thaws_at = Math.max(thaws_at, time.now() + ms)
  }
  return {
    name,
    mortal: died !== undefined,
    gate,
    clock: {
      // Code that still runs when a freeze has begun goes on, in truth, after it: that is what its clocks say.
      now: () => Math.max(time.now(), thaws_at) - stood_still,
      wall: () => Math.max(time.now(), thaws_at) + wall_ahead,
      sleep: (ms) => new Promise((resolve) => void after(ms, resolve)),
      after,
    },
    kill() {
      if (!alive) return
      time.mark('kill')
      alive = false
      died?.()
    },
    alive: () => alive,
    freeze,
    thawsIn: () => Math.max(0, thaws_at - time.now()),
    suspend(ms) {
      freeze(ms)
      stood_still += ms
    },
    setWall: (by_ms) => void (wall_ahead += by_ms),
  }
}
