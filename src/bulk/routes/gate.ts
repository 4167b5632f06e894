/** Runs work, at most so many at once; the others wait their turn. */
export type Gate = <T>(work: () => Promise<T>) => Promise<T>

/**
 * Importing a file holds a database connection until its rows are stored. The gate keeps a crowd of uploads from
 * taking them all; who waits holds nothing but its spooled file.
 */
export function openGate(at_once: number): Gate {
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
      else next() // the place goes to the next one
    }
  }
}
