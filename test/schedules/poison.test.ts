import { expect, test } from 'vitest'
import { findAccount } from '../../src/payments/index.ts'
import { openDb, sql } from '../../src/platform/db.ts'
import { countersOf, newBatch, openTestDriver } from '../harness/payments.ts'
import { statesOf } from '../invariants/payments.ts'
import { expectAllWell, floatOf, isDone, openPlace, payees } from './stage.ts'

const LINES = 1_000
const POISON = 617

test(
  'one poisonous line among 1,000: it alone goes to people, with its money held, and 999 are paid and booked',
  { timeout: 90_000 },
  async () => {
    const place = await openPlace()
    const { db, url, world, payer } = place
    const owner = openDb({ url, max: 1 })
    await owner.run(sql`
      create function test_poison() returns trigger language plpgsql as $$
      begin
        if new.seq = 617 and new.state = 'PAID' then
          raise exception 'line 617 is poison' using errcode = 'check_violation';
        end if;
        return new;
      end $$`)
    await owner.run(sql`
      create trigger test_poison before update on payments_lines for each row execute function test_poison()`)
    const driver = await openTestDriver(db, world, { settings: { review_after_ms: 60_000 } })
    const batch = await newBatch(db, payer, payees(LINES, 440_000))
    await isDone(db, batch)
    expect(await statesOf(db, batch)).toEqual({ PAID: LINES - 1, REVIEW: 1 })
    expect(
      await db.one(
        sql`select seq, error_message from payments_lines where batch_id = ${batch} and state = 'REVIEW'`,
      ),
    ).toEqual({ seq: POISON, error_message: 'could not be settled as PAID' })
    // Its payment has left: nobody may call it failed, and nobody sends it again.
    expect(await world.paid()).toHaveLength(LINES)
    expect(await countersOf(db, batch)).toMatchObject({ completed: LINES - 1, uncertain: 1, failed: 0 })
    expect(await floatOf(db)).toBe(BigInt(LINES - 1) * 100n)
    expect((await findAccount(db, payer.organization_id, payer.account_id)).reserved).toBe(100n)
    await driver.stop(3_000)
    await owner.run(sql`drop trigger test_poison on payments_lines`)
    await owner.run(sql`drop function test_poison`)
    await owner.end()
    await expectAllWell(place)
  },
)
