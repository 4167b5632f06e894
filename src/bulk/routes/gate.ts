import type { Pressure } from '../../platform/pressure.ts'

/** Runs work, at most so many at once; the others wait their turn. */
export type Gate = <T>(work: () => Promise<T>) => Promise<T>

/** Under pressure imports take a quarter of the time at most, and none waits longer than this for its turn after another. */
const REST = 3
const LONGEST_REST_MS = 2_000

/**
 * Importing a file holds a database connection until its rows are stored. The gate keeps a crowd of uploads from
 * taking them all; who waits holds nothing but its spooled file. Under pressure it lets one through at a time, and rests
 * in between: what was accepted is paid before more is accepted.
 */
export function openGate(at_once: number, pressure: Pick<Pressure, 'isHigh'>): Gate {
  let running = 0
  let resting = false
  const waiting: (() => void)[] = []
  const isOpen = (): boolean => !resting && running < (pressure.isHigh() ? 1 : at_once)
  const letIn = (): void => {
    while (waiting.length > 0 && isOpen()) {
      running++
      waiting.shift()?.()
    }
  }
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
    if (waiting.length > 0 || !isOpen()) await new Promise<void>((resolve) => waiting.push(resolve))
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
