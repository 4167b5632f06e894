import { parseArgs } from 'node:util'
import type { Campaign, Result } from '../result.ts'
import * as campaigns from './campaign.ts'

const usage = `usage: node prove/load/run.ts ${Object.keys(campaigns).join('|')} [--seed N] [--seconds S] [--times N]`

/** Runs one campaign and says what it found; the exit code is 1 when anything is wrong. */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seed: { type: 'string' }, seconds: { type: 'string' }, times: { type: 'string' } },
  })
  const name = positionals[0] ?? ''
  const campaign = new Map<string, Campaign>(Object.entries(campaigns)).get(name)
  if (campaign === undefined) throw new Error(usage)
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
  console.log(`${name}: seed ${seed}`)
  const result = await campaign({
    seed,
    runs: Number(values.times ?? 3),
    ...(values.seconds === undefined ? {} : { seconds: Number(values.seconds) }),
    say: (line) => console.log(`  ${line}`),
  })
  show(result)
  const { twice, lost, stuck, invariants } = result.verdict
  process.exitCode = twice + lost + stuck + invariants + result.wrong.length === 0 ? 0 : 1
}

function show({ figures, faults, covered, verdict, wrong, runs, seconds }: Result): void {
  console.log(`  ${runs} run(s) in ${seconds} s`)
  for (const table of [covered, faults, figures, verdict])
    for (const [what, value] of Object.entries(table)) console.log(`  ${what.padEnd(32)} ${value}`)
  for (const line of wrong) console.log(`  WRONG ${line}`)
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
