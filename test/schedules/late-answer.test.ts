import { expect, test } from 'vitest'
import { sql } from '../../src/platform/db.ts'
import { countersOf, newBatch, openTestDriver } from '../harness/payments.ts'
import { until } from '../harness/wait.ts'
import { expectAllWell, expectFirstAttempts, floatOf, isDone, openPlace, payees } from './stage.ts'
import { openWire } from './wire.ts'

/** A payee whose institution refuses, for good. */
const REFUSES = '22890001000003'

test('the answer after the query has settled: the books do not move a second time, whatever it says', async () => {
  const place = await openPlace()
  const { db, world, payer } = place
  const wire = await openWire(world.sdk_port)
  const first = await openTestDriver(
    db,
    { sdk_port: wire.port },
    { worker: 'first', settings: { timeout_ms: 30_000, review_after_ms: 60_000 } },
  )
  await until('it drives, and knows the adapter', async () => {
    const { mode } = await db.one<{ mode: string | null }>(sql`select mode from payments_connections`)
    return mode !== null && first.driving()
  })
  wire.holdAnswers()
  const batch = await newBatch(db, payer, [...payees(10, 430_000), REFUSES])
  await until('the rail has paid them', async () => (await world.paid()).length === 10)
  // Frozen, as far as the lease is concerned; the answers are still on their way to it.
  await db.run(sql`
    update payments_connections set worker = 'nobody', token = token + 1, lease_until = clock_timestamp()`)
  const second = await openTestDriver(db, world, { worker: 'second' })
  await isDone(db, batch)
  expect(await countersOf(db, batch)).toMatchObject({ completed: 10, failed: 1, uncertain: 0 })
  const { version } = await db.one<{ version: bigint }>(
    sql`select version from payments_batches where id = ${batch}`,
  )
  const entries = sql`select count(*) as n from ledger_entries`
  const { n: before } = await db.one<{ n: bigint }>(entries)
  wire.letGo()
  // Its settler stops with nothing left: the late answers have been through it.
  await first.stop(5_000)
  expect(await db.one(sql`select version from payments_batches where id = ${batch}`)).toEqual({ version })
  expect(await db.one(entries)).toEqual({ n: before })
  expect(await floatOf(db)).toBe(1_000n)
  await expectFirstAttempts(place, batch, 10) // line 11 was refused
  await expectAllWell(place)
  await second.stop(2_000)
})
