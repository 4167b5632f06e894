import { parseArgs } from 'node:util'
import { simulation } from './campaign.ts'
import { simulate } from './world.ts'

/**
 * node prove/simulation/run.ts --seed 1 --seeds 2000 [--seconds 60]: ends with 1 and says what is wrong with which seed.
 * With --trace, one seed and everything that happens in it: what leaves, what is answered, what is settled.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    seconds: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
})
const seed = Number(values.seed)
const say = (line: string): void => void process.stdout.write(`${line}\n`)

if (values.trace) {
  const run = await simulate(seed, say)
  for (const [fault, n] of run.struck) say(`${n} × ${fault}`)
  for (const { kind, what } of run.wrong) say(`${kind}: ${what}`)
  say(`${run.nature}, ${run.events} events, hash ${run.hash}`)
  if (run.wrong.length > 0) process.exitCode = 1
} else {
  const seconds = values.seconds === undefined ? {} : { seconds: Number(values.seconds) }
  const result = await simulation({ seed, runs: Number(values.seeds), say, ...seconds })
  say(JSON.stringify(result, null, 1))
  if (result.wrong.length > 0) process.exitCode = 1
}
