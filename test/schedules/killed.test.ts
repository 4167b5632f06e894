import { expect, test } from 'vitest'
import { sql } from '../../src/platform/db.ts'
import { countersOf, newBatch } from '../harness/payments.ts'
import { until } from '../harness/wait.ts'
import {
  FAR,
  expectAllWell,
  expectFirstAttempts,
  floatOf,
  isDone,
  openPlace,
  openWide,
  payees,
} from './stage.ts'
import { openWire } from './wire.ts'

const CLAIMED = 2_000
const SENT = 300

test(
  'a kill with 1,700 of 2,000 claimed lines unsent: the next worker asks about all of them and pays each once',
  { timeout: 180_000 },
  async () => {
    const place = await openPlace(FAR)
    const { db, world, payer } = place
    const wire = await openWire(world.sdk_port)
    const settings = { window_max: 512, timeout_ms: 20_000, lease_ms: 3_000, review_after_ms: 120_000 }
    const first = place.worker('first', wire.port, settings)
    // Its window opens while the rail is quick: only then does it claim 2,000 at once.
    const easy = await openWide(place, wire, 512, 600_000)
    wire.breakAfter(SENT)
    const before = (await world.paid()).length
    const batch = await newBatch(db, payer, payees(CLAIMED, 700_000))
    const claimed = async (): Promise<boolean> =>
      (await db.one<{ next_seq: number }>(sql`select next_seq from payments_batches where id = ${batch}`))
        .next_seq > CLAIMED
    await until('all are claimed', claimed, 20_000)
    await until('300 have arrived', async () => (await world.paid()).length === before + SENT, 20_000)
    first.kill('SIGKILL')
    await first.exited
    expect((await countersOf(db, batch)).failed).toBe(0)
    const second = place.worker('second', world.sdk_port, { ...settings, timeout_ms: 5_000 })
    await isDone(db, batch)
    expect(await countersOf(db, batch)).toMatchObject({ state: 'COMPLETED', completed: CLAIMED })
    // 1,700 at the least were asked about before they were sent; none of them was started anew.
    const { asked } = await db.one<{ asked: bigint }>(sql`
      select count(distinct seq) as asked from payments_evidence
      where batch_id = ${batch} and what = 'UNCERTAIN' and said ->> 'because' = 'its worker stopped without knowing'`)
    expect(asked).toBeGreaterThanOrEqual(BigInt(CLAIMED - SENT))
    await expectFirstAttempts(place, batch, CLAIMED)
    expect(await floatOf(db)).toBe(BigInt(easy + CLAIMED) * 100n)
    await expectAllWell(place)
    second.kill()
    await second.exited
  },
)
