import { expect, test } from 'vitest'
import { cancelBatch, ensureConnection, pauseBatch, type Driver } from '../../src/payments/index.ts'
import { sql, type Db } from '../../src/platform/db.ts'
import { Refusal } from '../../src/platform/errors.ts'
import { freshDatabase } from '../harness/database.ts'
import { countersOf, newBatch, noNews, openPayer, openTestDriver, openWorld } from '../harness/payments.ts'
import { seeded } from '../harness/seed.ts'
import { until } from '../harness/wait.ts'
import { breachesOf, differencesFrom, statesOf } from '../invariants/payments.ts'

/** What may go wrong at the rail, with its share of the calls. */
const FAULTS = [
  ['init_lost_request', 0.08],
  ['init_lost_response', 0.08],
  ['http_500_after_accept', 0.05],
  ['http_500_no_create', 0.05],
  ['http_503_429', 0.05],
  ['waf_html_200', 0.05],
  ['049', 0.06],
  ['006', 0.05],
  ['002', 0.04],
] as const
const ADAPTERS = [
  [{ phases: 1, strict: false }, 'auto'],
  [{ phases: 2, strict: false }, 'auto'],
  [{ phases: 1, strict: true }, 'auto'],
  [{ phases: 2, strict: true }, 'two-phase'],
] as const

/** Cancels or pauses some batch now and then; every pause ends. */
async function meddle(db: Db, batches: readonly bigint[], random: () => number): Promise<void> {
  for (let i = 0; i < 6; i++) {
    await new Promise((resolve) => setTimeout(resolve, 40 + random() * 160))
    const batch = batches[Math.floor(random() * batches.length)] ?? 0n
    if (random() < 0.4)
      await db
        .tx((tx) => cancelBatch(tx, batch, noNews))
        .catch((error: unknown) => {
          if (!(error instanceof Refusal)) throw error
        })
    else {
      await db.tx((tx) => pauseBatch(tx, batch, true, 'a pause'))
      await new Promise((resolve) => setTimeout(resolve, random() * 200))
      await db.tx((tx) => pauseBatch(tx, batch, false, null))
    }
  }
}

/** A worker that stops in the middle is followed by another one. */
async function relay(open: () => Promise<Driver>, random: () => number): Promise<Driver> {
  let driver = await open()
  for (let i = 0; i < 2; i++) {
    await new Promise((resolve) => setTimeout(resolve, 150 + random() * 500))
    await driver.stop(1_600)
    driver = await open()
  }
  return driver
}

test.each(ADAPTERS)(
  'whatever the rail does and whoever meddles, every franc is explained and nobody is paid twice (%o)',
  { timeout: 60_000 },
  async (adapter, mode) => {
    const { seed, random } = seeded(`chaos ${JSON.stringify(adapter)}`)
    const { db } = await freshDatabase()
    await ensureConnection(db, 'mojaloop', 'mojaloop')
    const payer = await openPayer(db, 'ACC-CHAOS', 10_000_000n)
    const world = await openWorld({ mojaloop: { timeout_s: 0.3, ...adapter } })
    for (const [kind, probability] of FAULTS)
      await world.control('POST', '/_sim/faults', { kind, probability, seed: seed + probability * 1_000 })
    await world.control('POST', '/_sim/faults', {
      kind: 'status_endpoint_lies',
      operation: 'status',
      probability: 0.2,
      delay_s: 30,
      seed,
    })
    let nth = 800_000
    const batches: bigint[] = []
    for (let b = 0; b < 4; b++) {
      const lines = Array.from({ length: 20 + Math.floor(random() * 100) }, () => ({
        to: `22890${++nth}`,
        amount: BigInt(1 + Math.floor(random() * 5_000)),
      }))
      batches.push(await newBatch(db, payer, lines, random() < 0.5 ? 0n : 20n))
    }
    const open = (): Promise<Driver> =>
      openTestDriver(db, world, { mode, settings: { timeout_ms: 1_200, review_after_ms: 6_000 } })
    const [driver] = await Promise.all([relay(open, random), meddle(db, batches, random)])
    await until(
      'every line is final or in review',
      async () => {
        for (const batch of batches) {
          const { pending, uncertain } = await countersOf(db, batch)
          if (pending > 0 || uncertain !== ((await statesOf(db, batch))['REVIEW'] ?? 0)) return false
        }
        return true
      },
      40_000,
    )
    await driver.stop(3_000)
    expect(await breachesOf(db)).toEqual([])
    const paid = await world.paid()
    expect(await differencesFrom(db, paid)).toEqual([])
    expect(paid.length).toBeGreaterThan(20)
    const { loss } = await db.one<{ loss: bigint }>(sql`
      select coalesce(sum(balance), 0)::bigint as loss from ledger_accounts where code like 'loss:%'`)
    expect(loss).toBe(0n)
    await world.close()
  },
)
