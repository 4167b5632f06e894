import { expect, test } from 'vitest'
import { cancelBatch, findAccount } from '../../src/payments/index.ts'
import { countersOf, newBatch, noNews, openTestDriver } from '../harness/payments.ts'
import { until } from '../harness/wait.ts'
import { statesOf } from '../invariants/payments.ts'
import { FAR, expectAllWell, expectFirstAttempts, isDone, openPlace, openWide, payees } from './stage.ts'
import { openWire } from './wire.ts'

const WINDOW = 512
const LINES = 6_000

test(
  'cancel while 512 calls fly: all of them end as paid, what was not claimed returns at once, and nothing else is sent',
  { timeout: 120_000 },
  async () => {
    const place = await openPlace(FAR)
    const { db, world, payer } = place
    const wire = await openWire(world.sdk_port)
    const driver = await openTestDriver(
      db,
      { sdk_port: wire.port },
      { settings: { window_max: WINDOW, timeout_ms: 30_000, lease_ms: 5_000, review_after_ms: 120_000 } },
    )
    const easy = await openWide(place, wire, WINDOW, 600_000)
    wire.holdAnswers()
    const before = wire.orders()
    const batch = await newBatch(db, payer, payees(LINES, 700_000))
    await until('512 are in flight', async () => wire.orders() === before + WINDOW, 20_000)
    const cancelled = await db.tx((tx) => cancelBatch(tx, batch, noNews))
    expect(cancelled).toBeGreaterThan(0)
    expect(cancelled).toBeLessThanOrEqual(LINES - WINDOW)
    const { reserved } = await findAccount(db, payer.organization_id, payer.account_id)
    expect(reserved).toBe(BigInt(LINES - cancelled) * 100n)
    expect(await statesOf(db, batch)).toEqual({ CANCELLED: cancelled, NEW: LINES - cancelled })
    wire.letGo()
    await isDone(db, batch)
    expect(await countersOf(db, batch)).toMatchObject({ completed: LINES - cancelled, cancelled, failed: 0 })
    await expectFirstAttempts(place, batch, LINES - cancelled)
    const after = await findAccount(db, payer.organization_id, payer.account_id)
    expect(after).toMatchObject({
      available: 100_000_000n - BigInt(easy + LINES - cancelled) * 100n,
      reserved: 0n,
    })
    await expectAllWell(place)
    await driver.stop(5_000)
  },
)
