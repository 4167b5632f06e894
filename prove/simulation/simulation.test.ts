import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { seeded } from '../../test/harness/seed.ts'
import { faultKinds, type Fault } from './faults.ts'
import { simulate } from './world.ts'

const SEEDS = 1_000

const kept = JSON.parse(
  readFileSync(new URL('../../test/seeds/simulation.json', import.meta.url), 'utf8'),
) as { readonly seed: number; readonly because: string }[]

test.each([1, 2, 3, 4, 5, 6, 7, 8])('seed %i makes the same run again, event by event', async (seed) => {
  const [one, two] = [await simulate(seed), await simulate(seed)]
  expect(one.events).toBeGreaterThan(50)
  expect([two.hash, two.events, two.struck]).toEqual([one.hash, one.events, one.struck])
})

test.each(kept)('seed $seed, which once showed: $because', { timeout: 60_000 }, async ({ seed }) => {
  expect((await simulate(seed)).wrong).toEqual([])
})

test(
  `${SEEDS} worlds end with nobody paid twice, nothing lost and nothing stuck`,
  { timeout: 300_000 },
  async () => {
    const { seed } = seeded('simulation')
    const met = new Set<Fault>()
    for (let i = 0; i < SEEDS; i++) {
      const run = await simulate(seed + i)
      expect(run.wrong, `node prove/simulation/run.ts --trace --seed ${seed + i}`).toEqual([])
      for (const fault of run.struck.keys()) met.add(fault)
    }
    // A fault that never happens proves nothing.
    expect(faultKinds.filter((fault) => !met.has(fault))).toEqual([])
  },
)
