import { beforeEach, expect, test } from 'vitest'
import { freshDatabase } from '../../../test/harness/database.ts'
import { newBatch, noNews, openPayer } from '../../../test/harness/payments.ts'
import { breachesOf, statesOf } from '../../../test/invariants/payments.ts'
import { openDb, sql, type Db } from '../../platform/db.ts'
import { openLog } from '../../platform/log.ts'
import { ensureConnection } from '../index.ts'
import { production } from '../production.ts'
import { selectBatchInfo, type BatchInfo } from '../sql/engine.ts'
import { settleSet, type Waiting } from './settle-set.ts'

let db: Db
let url = ''
beforeEach(async () => {
  const fresh = await freshDatabase()
  db = fresh.db
  url = fresh.url
  await ensureConnection(db, 'mojaloop', 'mojaloop')
})

/** The database refuses the first `times` settlements of line 1, with that SQLSTATE. */
async function refuseFor(times: number, state: string): Promise<void> {
  const owner = openDb({ url, max: 1 })
  await owner.run(sql`create sequence test_refusals`)
  await owner.run(sql`grant usage on sequence test_refusals to public`)
  await owner.run({
    text: `create function test_refuses() returns trigger language plpgsql as $$
      begin
        if new.seq = 1 and new.state = 'PAID' and nextval('test_refusals') <= ${times} then
          raise exception 'not now' using errcode = '${state}';
        end if;
        return new;
      end $$`,
    values: [],
  })
  await owner.run(sql`
    create trigger test_refuses before update on payments_lines for each row execute function test_refuses()`)
  await owner.end()
}

/** Settles four lines as paid, in one set. */
async function settleFour(): Promise<{ readonly batch: bigint; readonly left: readonly Waiting[] }> {
  const payer = await openPayer(db, 'ACC-SET', 10_000n)
  const batch = await newBatch(db, payer, ['22890000001', '22890000002', '22890000003', '22890000004'])
  await db.run(sql`update payments_batches set next_seq = total + 1, open = false where id = ${batch}`)
  await db.run(sql`
    insert into payments_ranges (batch_id, from_seq, to_seq, connection_id, token, state)
    values (${batch}, 1, 4, 'mojaloop', 0, 'OPEN')`)
  const [info] = await selectBatchInfo(db, [batch])
  const infoOf = (): BatchInfo => {
    if (info === undefined) throw new Error('no batch')
    return info
  }
  const set = [1, 2, 3, 4].map((seq): Waiting => ({
    outcome: { batch_id: batch, seq, attempt: 1, word: 'PAID', fee: 0n, pursued: false },
    token: 0n,
    range: undefined,
    onSettled: undefined,
  }))
  const deps = {
    ...production,
    db,
    log: openLog('silent'),
    connection_id: 'mojaloop',
    batch: infoOf,
    load: () => Promise.resolve(),
    handlers: noNews,
  }
  const left = await settleSet(
    deps,
    set,
    () => [],
    () => undefined,
  )
  return { batch, left }
}

test.each(['57014', '55P03', '40P01'])(
  'a set that the database refuses for a moment (%s) is tried again as it is: no line goes to people for that',
  async (state) => {
    await refuseFor(4, state)
    const { batch, left } = await settleFour()
    expect(left).toEqual([])
    expect(await statesOf(db, batch)).toEqual({ PAID: 4 })
    expect(await breachesOf(db)).toEqual([])
  },
)

test('a line that the database refuses for good goes to people alone, the others settle', async () => {
  await refuseFor(1_000, '23514')
  const { batch, left } = await settleFour()
  expect(left).toEqual([])
  expect(await statesOf(db, batch)).toEqual({ PAID: 3, REVIEW: 1 })
  expect(await breachesOf(db)).toEqual([])
})
