import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Campaign } from '../result.ts'
import { add, openTally, resultOf, type Tally } from './tally.ts'
import type { Order } from './thread.ts'

/** Seeds that a thread is given at once: short enough to stop in time. */
const PORTION = 50
const SAY_EVERY_MS = 10_000

/** Tier 1: the engine itself in simulated worlds, one for each seed, on all cores. */
export const simulation: Campaign = async ({ seed, runs, seconds, say }) => {
  const started = performance.now()
  const passed_s = (): number => (performance.now() - started) / 1_000
  const tally = openTally()
  let given = 0
  let said_at = started
  const next = (): Order | undefined => {
    if (given >= runs || (seconds !== undefined && passed_s() >= seconds)) return undefined
    const order = { seed: seed + given, runs: Math.min(PORTION, runs - given) }
    given += order.runs
    return order
  }
  const work = async (): Promise<void> => {
    const thread = new Worker(new URL('./thread.ts', import.meta.url))
    try {
      for (let order = next(); order !== undefined; order = next()) {
        thread.postMessage(order)
        const [part] = (await once(thread, 'message')) as [Tally]
        for (const { what } of part.wrong) say(what)
        add(tally, part)
        if (performance.now() - said_at < SAY_EVERY_MS) continue
        said_at = performance.now()
        say(`${tally.runs} of ${runs} seeds, ${tally.wrong.length} wrong, ${Math.round(passed_s())} s`)
      }
    } finally {
      await thread.terminate()
    }
  }
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work))
  return resultOf(tally, seed, passed_s())
}
