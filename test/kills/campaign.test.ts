import { expect, test } from 'vitest'
import { freshDatabase } from '../harness/database.ts'
import { seeded } from '../harness/seed.ts'
import { openCampaign, type Campaign, type Victim } from './campaign.ts'
import { judgeAll } from './judge.ts'

/** Twenty kills: who dies how often; the order is drawn. */
const DECK: readonly (readonly [Victim, number])[] = [
  ['worker', 9],
  ['api', 3],
  ['api in an upload', 3],
  ['api and worker', 2],
  ['simulators', 3],
]

test(
  'twenty SIGKILLs in the middle of batches of 2,000 lines: paid twice 0, lost 0, stuck 0',
  { timeout: 240_000 },
  async () => {
    const luck = seeded('kills')
    const { db, url } = await freshDatabase()
    const campaign = openCampaign(db, url, luck)
    const deck = drawVictims(luck.random)
    await campaign.run(deck).finally(() => console.log(tableOf(campaign, luck.seed)))
    const verdicts = [...campaign.verdicts.values()]
    expect(verdicts.flatMap((verdict) => verdict.wrong)).toEqual([])
    expect(await judgeAll(db, campaign.bulks, await campaign.outside.paid())).toEqual([])
    expect(campaign.breaches).toEqual([])
    expect(campaign.rounds).toHaveLength(20)
    // It could not pass by chance: there was something to lose.
    expect(campaign.rounds.reduce((sum, round) => sum + round.in_doubt, 0)).toBeGreaterThan(100)
  },
)

function drawVictims(random: () => number): Victim[] {
  return DECK.flatMap(([victim, times]) => Array.from({ length: times }, () => ({ victim, place: random() })))
    .toSorted((a, b) => a.place - b.place)
    .map(({ victim }) => victim)
}

/** One row for each kill; what the judge found stands in the last row of its batch. */
function tableOf({ rounds, verdicts }: Campaign, seed: number): string {
  const head = ['round', 'batch', 'victim', 'rail', 'settled', 'in doubt', 'recovered', 'paid', 'failed']
  const rows = [[...head, 'twice', 'lost', 'stuck', 'review']]
  for (const [i, round] of rounds.entries()) {
    const { round: number, batch, victim, weather, when, in_doubt, recovered_ms } = round
    const kill = [number, batch + 1, victim, weather, when, in_doubt, `${recovered_ms} ms`]
    const found = rounds[i + 1]?.batch === batch ? undefined : verdicts.get(batch)
    const judged =
      found === undefined
        ? Array.from({ length: 6 }, () => '')
        : [found.paid, found.failed, found.twice, found.lost, found.stuck, found.review]
    rows.push([...kill, ...judged].map(String))
  }
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const lines = rows.map((row) => `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`)
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [`seed ${seed}`, '', lines[0], rule, ...lines.slice(1)].join('\n')
}
