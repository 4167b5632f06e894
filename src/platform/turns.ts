/** Runs work, at most so many at once; the others wait their turn, first come first served. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>

/** For work whose price is memory or a core. Who waits should hold little. */
export function openTurns(at_once: number): Turns {
  let running = 0
  const waiting: (() => void)[] = []
  return async (work) => {
    if (running >= at_once) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next() // the place goes from hand to hand
    }
  }
}
