import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../../src/platform/postgres/index.ts'
import { openRandom } from '../interleavings/random.ts'
import type { Campaign, CampaignOptions, Result } from '../result.ts'
import { tableOf } from '../table.ts'
import { hunt, priceOf, type Hunted } from './hunt.ts'
import { mutants as all } from './list.ts'
import type { Mutant } from './mutant.ts'
import { copyTree } from './tree.ts'

/** Durability is not what is tried here; the databases live for one test. */
const FORGETFUL = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }

/**
 * Plants bugs, one at a time, in a private copy of the program, and runs there what must find them. A run is one bug; one
 * that survives is what is wrong. Without a limit of time all of them are planted; with one, the seed chooses the order
 * among those that are equally cheap to catch.
 */
export const mutants: Campaign = (options) => huntAll(options, chosen(options))

/** The same for these bugs. */
export async function huntAll(options: CampaignOptions, which: readonly Mutant[]): Promise<Result> {
  const { seed, say } = options
  const started = performance.now()
  const elapsed = (): number => (performance.now() - started) / 1_000
  const tree = copyTree()
  const home = mkdtempSync(join(tmpdir(), 'cauri-mutants-'))
  chmodSync(home, 0o711)
  const postgres = await startPostgres({ home, settings: FORGETFUL })
  const hunted: Hunted[] = []
  const where = { tree, seed, database: postgres.url, sound: new Map() }
  try {
    for (const mutant of which) {
      if (hunted.length > 0 && elapsed() > (options.seconds ?? Number.POSITIVE_INFINITY)) break
      const one = await hunt(where, mutant)
      hunted.push(one)
      say(
        `${hunted.length}/${which.length} ${mutant.name}: ${one.by ?? 'SURVIVES'} (${one.seconds.toFixed(1)} s)`,
      )
      if (one.because !== '') say(`    ${one.because}`)
    }
  } finally {
    await postgres.stop()
    rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    tree.remove()
  }
  say(tableOf(['planted bug', 'caught by', 'seconds'], hunted.map(rowOf)))
  return resultOf(seed, hunted, elapsed())
}

const rowOf = ({ mutant, by, seconds }: Hunted): string[] => [
  mutant.name,
  by ?? '**survives**',
  seconds.toFixed(1),
]

function resultOf(seed: number, hunted: readonly Hunted[], seconds: number): Result {
  const survivors = hunted.filter(({ by }) => by === undefined)
  return {
    campaign: 'mutants',
    seed,
    runs: hunted.length,
    seconds,
    faults: { 'planted bug': hunted.length },
    covered: Object.fromEntries(hunted.map(({ mutant, by }) => [`${mutant.name}: ${by ?? 'survives'}`, 1])),
    figures: { planted: hunted.length, caught: hunted.length - survivors.length },
    verdict: { twice: 0, lost: 0, stuck: 0, invariants: 0 },
    wrong: survivors.map(({ mutant }) => `«${mutant.name}» survives: ${mutant.costs}`),
  }
}

function chosen({ seed, runs, seconds }: CampaignOptions): readonly Mutant[] {
  if (seconds === undefined) return all
  const random = openRandom(seed)
  const dealt = all.map((mutant) => ({ mutant, at: random.next() + priceOf(mutant) }))
  return dealt
    .toSorted((a, b) => a.at - b.at)
    .slice(0, runs)
    .map(({ mutant }) => mutant)
}
