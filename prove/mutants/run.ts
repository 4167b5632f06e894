import { parseArgs } from 'node:util'
import { huntAll } from './campaign.ts'
import { priceOf } from './hunt.ts'
import { mutants } from './list.ts'

/** node prove/mutants/run.ts [--only words,of names] [--from 1] [--seed 1]: ends with 1 when a planted bug survives. */
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
  },
})
const words = values.only?.split(',') ?? []
const which = mutants.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))
which.sort((a, b) => priceOf(a) - priceOf(b)).splice(0, Number(values.from) - 1)
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const result = await huntAll({ seed: Number(values.seed), runs: which.length, say }, which)
if (result.wrong.length > 0) process.exitCode = 1
