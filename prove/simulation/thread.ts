import { parentPort } from 'node:worker_threads'
import { count, openTally } from './tally.ts'
import { simulate } from './world.ts'

/** A thread that is told a first seed and how many, simulates them, and answers with their tally. */
export type Order = { readonly seed: number; readonly runs: number }

/** A promise that nobody looked at would have ended a real process: it counts against its seed. */
const unhandled: string[] = []
process.on('unhandledRejection', (error) => {
  unhandled.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
})

parentPort?.on('message', ({ seed, runs }: Order) => {
  void (async () => {
    const tally = openTally()
    for (let i = 0; i < runs; i++) {
      const run = await simulate(seed + i)
      const broken = unhandled.splice(0).map((what) => ({ kind: 'invariants' as const, what }))
      count(tally, { ...run, wrong: [...run.wrong, ...broken] })
    }
    parentPort?.postMessage(tally)
  })()
})
