import type { CloneSource } from '../../test/harness/clones.ts'
import type { Campaign, CampaignOptions, Result } from '../result.ts'
import { runSchedule, type Ran } from './schedule.ts'
import { openServer, openSite } from './site.ts'

/** Every check reads the whole database, so a database is not used for ever. */
const PER_DATABASE = 40

/**
 * Controlled interleavings: real use cases of ours on real connections, of which a scheduler lets one statement go at a
 * time; a run is one schedule. Each seed makes the same schedule again: who was granted what is printed as a hash.
 */
export const interleavings: Campaign = async (options) => {
  const { server, close } = await openServer()
  try {
    return await runSchedules(server, options)
  } finally {
    await close()
  }
}

type Tally = {
  readonly faults: Record<string, number>
  readonly covered: Record<string, number>
  readonly figures: Record<string, number>
  readonly verdict: { twice: number; lost: number; stuck: number; invariants: number }
  readonly wrong: string[]
  readonly places: Set<string>
}

/** Of so many schedules one is of an organisation whose batches wait for a second person. */
const DECIDING_EVERY = 4

export type Which = {
  /** Only the first failing seed is wanted; else every one is tried and each failing one named. */
  readonly first?: boolean
  /** Batches wait for a second person in all schedules; else in some. */
  readonly deciding?: boolean
}

/** The same on a server that is there already. */
export async function runSchedules(
  server: CloneSource,
  options: CampaignOptions,
  { first = false, deciding = false }: Which = {},
): Promise<Result> {
  const { seed, runs, say } = options
  const started = performance.now()
  const seconds = (): number => (performance.now() - started) / 1_000
  const tally: Tally = {
    faults: {},
    covered: {},
    figures: {},
    verdict: { twice: 0, lost: 0, stuck: 0, invariants: 0 },
    wrong: [],
    places: new Set(),
  }
  let done = 0
  let site = await openSite(server)
  const goesOn = (): boolean =>
    done < runs &&
    seconds() < (options.seconds ?? Number.POSITIVE_INFINITY) &&
    !(first && tally.wrong.length > 0)
  for (; goesOn(); done++) {
    if (done > 0 && done % PER_DATABASE === 0) {
      await site.close()
      site = await openSite(server)
    }
    const decides = deciding || done % DECIDING_EVERY === DECIDING_EVERY - 1
    const name = `seed ${seed + done}${decides ? ' --deciding' : ''}`
    try {
      add(tally, name, await runSchedule(site, seed + done, done % PER_DATABASE, decides))
    } catch (error) {
      const words = error instanceof Error ? (error.stack ?? error.message) : String(error)
      tally.wrong.push(`${name}: ${words}`)
      tally.verdict.stuck += 1
      say(tally.wrong.at(-1) ?? '')
      // What hangs there would hold up the next ones.
      await site.close()
      site = await openSite(server)
    }
    if ((done + 1) % 100 === 0) say(`${done + 1} schedules, ${((done + 1) / seconds()).toFixed(1)} a second`)
  }
  await site.close()
  const { faults, covered, verdict, wrong } = tally
  const figures = { ...tally.figures, places: tally.places.size }
  return {
    campaign: 'interleavings',
    seed,
    runs: done,
    seconds: seconds(),
    faults,
    covered,
    figures,
    verdict,
    wrong,
  }
}

function add(tally: Tally, name: string, ran: Ran): void {
  const count = (of: Record<string, number>, what: string, n = 1): void =>
    void (of[what] = (of[what] ?? 0) + n)
  count(tally.faults, 'process killed', ran.killed)
  count(tally.faults, 'answer to a commit lost', ran.lost_commits)
  count(tally.faults, 'lease over', ran.leaps)
  count(tally.faults, 'deadlock', ran.deadlocks)
  count(tally.figures, 'steps', ran.trace.length)
  count(tally.figures, 'payments', ran.payments)
  count(tally.figures, 'waits for a lock', ran.waits)
  for (const pair of ran.pairs) count(tally.covered, pair)
  for (const place of ran.places) tally.places.add(place)
  const { twice, lost, stuck, invariants, lies } = ran.findings
  tally.verdict.twice += twice.length
  tally.verdict.lost += lost.length + lies.length
  tally.verdict.stuck += stuck.length
  tally.verdict.invariants += invariants.length
  for (const words of [...twice, ...lost, ...stuck, ...invariants, ...lies])
    tally.wrong.push(`${name} (${ran.use_cases.join(', ')}; ${ran.hash}): ${words}`)
}
