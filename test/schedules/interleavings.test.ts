import { readFileSync } from 'node:fs'
import { expect, inject, test } from 'vitest'
import { runSchedules } from '../../prove/interleavings/campaign.ts'

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

// PostgreSQL's own processes may be late on a busy machine: a wait for a lock is then seen a step later.
test('a seed makes the same schedule again', { timeout: 60_000, retry: 2 }, async () => {
  const lines = async (): Promise<unknown> => {
    const { covered, figures } = await runSchedules(inject('server'), { seed: 4_711, runs: 3, say: silent })
    return { covered, figures }
  }
  expect(await lines()).toEqual(await lines())
})
