import { expect, test } from 'vitest'
import { sql } from '../../src/platform/db.ts'
import { freshDatabase } from '../harness/database.ts'
import { countersOf, newBatch, openPayer, openTestDriver, openWorld } from '../harness/payments.ts'
import { until } from '../harness/wait.ts'
import { statesOf } from '../invariants/payments.ts'

const PAYEES = Array.from({ length: 6 }, (_, i) => `22890${640_000 + i}`)

/** The same with the real adapter: `npm run e2e -- mojaloop`. */
test(
  'an adapter that resolves nobody any more stops the connection, blames no payee, and is used again after its restart',
  { timeout: 40_000 },
  async () => {
    const { db } = await freshDatabase()
    const payer = await openPayer(db, 'ACC-WEDGED', 1_000_000n)
    const world = await openWorld({ mojaloop: { wedge: true, timeout_s: 0.3, latency_ms: { party: 20 } } })
    const direct = (id: string): Promise<Response> =>
      fetch(`http://127.0.0.1:${world.sdk_port}/transfers`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          homeTransactionId: id,
          from: { type: 'BUSINESS', idType: 'MSISDN', idValue: '123456789' },
          to: { idType: 'MSISDN', idValue: '22890699999' },
          amountType: 'SEND',
          currency: 'XOF',
          amount: '1',
          transactionType: 'TRANSFER',
        }),
      })
    await Promise.all([direct('a'), direct('b')])
    const past_cauri = (await world.paid()).length

    const driver = await openTestDriver(db, world)
    const batch = await newBatch(db, payer, PAYEES)
    const reason = await until('the connection to stop', async () => {
      const row = await db.one<{ stopped_because: string | null }>(
        sql`select stopped_because from payments_connections where id = 'mojaloop'`,
      )
      return row.stopped_because ?? undefined
    })
    expect(reason).toContain('resolves no payee any more')
    // Several rests and tries later it is still nobody's fault.
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(await countersOf(db, batch)).toMatchObject({ completed: 0, failed: 0 })

    await world.control('PUT', '/_sim/settings', { mojaloop: { wedge: true } })
    const isPaid = async (): Promise<boolean> => (await statesOf(db, batch))['PAID'] === PAYEES.length
    await until('every line to be paid', isPaid, 20_000)
    expect(await world.paid()).toHaveLength(past_cauri + PAYEES.length)
    await driver.stop(2_000)
    await world.close()
  },
)
