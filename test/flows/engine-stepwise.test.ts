import { expect, test } from 'vitest'
import { ensureConnection } from '../../src/payments/index.ts'
import { sql } from '../../src/platform/db.ts'
import { freshDatabase } from '../harness/database.ts'
import { newBatch, openPayer, openTestDriver, openWorld } from '../harness/payments.ts'
import { until } from '../harness/wait.ts'

test.each([
  ['step by step', { phases: 1, strict: true }],
  ['with a halt for our word', { phases: 2, strict: false }],
] as const)(
  'paying %s, a worker whose lease was taken meanwhile does not take the step that moves money',
  async (_how, adapter) => {
    const { db } = await freshDatabase()
    const payer = await openPayer(db, 'ACC-STEPS', 10_000n)
    await ensureConnection(db, 'mojaloop', 'mojaloop')
    const world = await openWorld({ mojaloop: { ...adapter, latency_ms: { quote: 600 }, timeout_s: 5 } })
    const driver = await openTestDriver(db, world)
    const batch = await newBatch(db, payer, ['22890123456'])
    await until('the line is claimed', async () => {
      const { next_seq } = await db.one<{ next_seq: number }>(
        sql`select next_seq from payments_batches where id = ${batch}`,
      )
      return next_seq === 2
    })
    await db.run(sql`
    update payments_connections set worker = 'another', token = token + 1, lease_until = clock_timestamp() + '1 hour'`)
    await until('it has lost the lease', async () => !driver.driving())
    await new Promise((resolve) => setTimeout(resolve, 900))
    expect(await world.paid()).toEqual([])
    await driver.stop(2_000)
    await world.close()
  },
)
