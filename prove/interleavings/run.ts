import { parseArgs } from 'node:util'
import { openRandom } from './random.ts'
import { runSchedules } from './campaign.ts'
import { openServer, openSite } from './site.ts'
import { runSchedule } from './schedule.ts'

/**
 * node prove/interleavings/run.ts --seed 1 --runs 1000 [--seconds 60]: ends with 1 and the failing seeds when anything is
 * wrong; with --first, at the first of them. With --deciding, every batch waits for a second person. With --trace, one seed, and every step of it.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    runs: { type: 'string', default: '100' },
    seconds: { type: 'string' },
    deciding: { type: 'boolean', default: false },
    first: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
  },
})
const seed = Number(values.seed ?? openRandom(Date.now()).below(1_000_000))
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const { server, close } = await openServer()
if (values.trace) {
  const site = await openSite(server)
  const ran = await runSchedule(site, seed, 0, values.deciding)
  for (const line of ran.trace) say(line)
  say(`${ran.hash} ${JSON.stringify(ran.findings)}`)
  await site.close()
} else {
  const seconds = values.seconds === undefined ? {} : { seconds: Number(values.seconds) }
  const options = { seed, runs: Number(values.runs), say, ...seconds }
  const result = await runSchedules(server, options, values)
  say(JSON.stringify(result, null, 1))
  if (result.wrong.length > 0) process.exitCode = 1
}
await close()
