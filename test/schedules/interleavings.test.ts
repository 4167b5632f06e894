import { readFileSync } from 'node:fs'
import { expect, inject, test } from 'vitest'
import { runSchedules } from '../../prove/interleavings/campaign.ts'
import { runSchedule } from '../../prove/interleavings/schedule.ts'
import { openSite } from '../../prove/interleavings/site.ts'

/** See test/seeds/README.md. */
const kept = JSON.parse(
  readFileSync(new URL('../seeds/interleavings.json', import.meta.url), 'utf8'),
) as readonly { readonly seed: number; readonly because: string }[]
const silent = (): void => undefined

test(
  'whatever is let go first, one statement at a time: the books add up, nobody is paid twice, and nobody was told a lie',
  { timeout: 120_000 },
  async () => {
    // The same for every build; npm run prove looks further.
    const options = { seed: 5_000, runs: 100, seconds: 45, say: silent }
    const { wrong, runs, verdict } = await runSchedules(inject('server'), options)
    expect(wrong).toEqual([])
    expect(verdict).toEqual({ twice: 0, lost: 0, stuck: 0, invariants: 0 })
    expect(runs).toBeGreaterThan(0)
  },
)

test('schedules that once failed, each under its seed', { timeout: 120_000 }, async () => {
  for (const { seed, because } of kept) {
    const { wrong } = await runSchedules(inject('server'), { seed, runs: 1, say: silent })
    expect(wrong, because).toEqual([])
  }
})

test('a seed makes the same schedule again, step by step', { timeout: 120_000 }, async () => {
  const traces = async (): Promise<unknown> => {
    const site = await openSite(inject('server'))
    try {
      const ran = []
      for (let n = 0; n < SEEDS; n++) ran.push(await runSchedule(site, 4_711 + n, n))
      return ran.map(({ trace, waits, deadlocks }) => ({ trace, waits, deadlocks }))
    } finally {
      await site.close()
    }
  }
  expect(await traces()).toEqual(await traces())
})
const SEEDS = 10
