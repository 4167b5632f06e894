import { tooMuch } from '../../platform/http/admission.ts'
import type { Pressure } from '../../platform/pressure.ts'

/** Runs work, at most so many at once; the others wait their turn. */
export type Gate = <T>(work: () => Promise<T>) => Promise<T>

/** Under pressure imports take a quarter of the time at most, and none waits longer than this for its turn after another. */
const REST = 3
const LONGEST_REST_MS = 2_000
/** Whoever would wait longer is told to come back, rather than left without an answer until its patience ends. */
const LONGEST_WAIT_MS = 20_000
const COME_BACK_S = 5

/**
 * Importing a file holds a database connection until its rows are stored. The gate keeps a crowd of uploads from
 * taking them all; who waits holds nothing but its spooled file. Under pressure it lets one through at a time, and rests
 * in between: what was accepted is paid before more is accepted. Refuses UNAVAILABLE, with Retry-After, when a turn does
 * not come in time: nothing of that file was accepted.
 */
export function openGate(
  at_once: number,
  pressure: Pick<Pressure, 'isHigh'>,
  longest_wait_ms = LONGEST_WAIT_MS,
): Gate {
  let running = 0
  let resting = false
  const waiting = new Set<() => void>()
  const isOpen = (): boolean => !resting && running < (pressure.isHigh() ? 1 : at_once)
  const letIn = (): void => {
    for (const next of waiting) {
      if (!isOpen()) return
      running++
      next()
    }
  }
  const turn = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(next)
        reject(tooMuch(COME_BACK_S))
      }, longest_wait_ms)
      const next = (): void => {
        waiting.delete(next)
        clearTimeout(timer)
        resolve()
      }
      waiting.add(next)
    })
  const rest = (took_ms: number): void => {
    resting = true
    setTimeout(
      () => {
        resting = false
        letIn()
      },
      Math.min(took_ms * REST, LONGEST_REST_MS),
    ).unref()
  }
  return async (work) => {
    if (waiting.size > 0 || !isOpen()) await turn()
    else running++
    const started = performance.now()
    try {
      return await work()
    } finally {
      running--
      if (pressure.isHigh() && !resting) rest(performance.now() - started)
      letIn()
    }
  }
}
