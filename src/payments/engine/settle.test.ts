import { beforeAll, beforeEach, expect, test } from 'vitest'
import { ensureConnection, findAccount } from '../index.ts'
import { systemAccount } from '../../ledger/index.ts'
import { sql, type Db } from '../../platform/db.ts'
import { freshDatabase } from '../../../test/harness/database.ts'
import { countersOf, newBatch, noNews, openPayer, type Payer } from '../../../test/harness/payments.ts'
import { breachesOf, statesOf } from '../../../test/invariants/payments.ts'
import { selectBatchInfo, type SettledRow } from '../sql/engine.ts'
import { production } from '../production.ts'
import type { Outcome, OutcomeWord } from './outcome.ts'
import { settle } from './settle.ts'

const CONNECTION = 'mojaloop'
let db: Db
let payer: Payer
let token = 0n
beforeAll(async () => {
  db = (await freshDatabase()).db
  await ensureConnection(db, CONNECTION, CONNECTION)
  payer = await openPayer(db, 'ACC-SETTLE', 1_000_000n)
})
beforeEach(async () => void (token = await takeOver()))

/** What a worker that takes the lease does to the token. */
const takeOver = async (): Promise<bigint> =>
  (
    await db.one<{ token: bigint }>(sql`
      update payments_connections set token = token + 1 where id = ${CONNECTION} returning token`)
  ).token

/** A batch of n lines whose range is claimed. */
async function claimed(n: number, fee_cap = 0n): Promise<bigint> {
  const batch = await newBatch(
    db,
    payer,
    Array.from({ length: n }, (_, i) => `22890${200_000 + i}`),
    fee_cap,
  )
  await db.run(sql`update payments_batches set next_seq = total + 1, open = false where id = ${batch}`)
  await db.run(sql`
    insert into payments_ranges (batch_id, from_seq, to_seq, connection_id, token, state)
    values (${batch}, 1, ${n}, ${CONNECTION}, ${token}, 'OPEN')`)
  return batch
}

const outcome = (batch_id: bigint, seq: number, word: OutcomeWord, more: Partial<Outcome> = {}): Outcome => ({
  batch_id,
  seq,
  attempt: 1,
  word,
  pursued: false,
  ...(word === 'PAID' ? { fee: 0n } : word === 'FAILED' ? { code: 'PAYEE_REJECTED', message: 'no' } : {}),
  ...(word === 'PAID' || word === 'FAILED'
    ? {}
    : { pursuit: { rail_reference: `r-${seq}`, after_ms: 60_000, because: 'a test' } }),
  ...more,
})

const settled = (outcomes: readonly Outcome[], as = token): Promise<SettledRow[]> =>
  db.tx(async (tx) => {
    const infos = await selectBatchInfo(tx, [...new Set(outcomes.map((o) => o.batch_id))])
    const batch = (id: bigint): (typeof infos)[number] => {
      const info = infos.find((one) => one.id === id)
      if (info === undefined) throw new Error(`no batch ${id}`)
      return info
    }
    return settle(tx, {
      ...production,
      connection_id: CONNECTION,
      token: as,
      outcomes,
      done_ranges: [],
      batch,
      handlers: noNews,
    })
  })

const pursuitOf = (
  batch: bigint,
  seq: number,
): Promise<{ state: string; rail_reference: string } | undefined> =>
  db.maybeOne(
    sql`select state, rail_reference from payments_pursuits where batch_id = ${batch} and seq = ${seq}`,
  )

const balanceOf = async (code: 'float:mojaloop' | 'loss:mojaloop' | 'fees:provider'): Promise<bigint> => {
  const id = await db.tx((tx) => systemAccount(tx, code, 'XOF'))
  return (await db.one<{ balance: bigint }>(sql`select balance from ledger_accounts where id = ${id}`))
    .balance
}

test('one set takes lines that become uncertain together with lines that were', async () => {
  const batch = await claimed(4)
  await settled([outcome(batch, 1, 'UNCERTAIN'), outcome(batch, 2, 'UNCERTAIN')])
  const rows = await settled([
    outcome(batch, 1, 'PAID', { pursued: true }),
    outcome(batch, 2, 'UNCERTAIN', { pursued: true }),
    outcome(batch, 3, 'UNCERTAIN'),
    outcome(batch, 4, 'REVIEW'),
  ])
  expect(rows.map((row) => `${row.seq} ${row.outcome}`).toSorted()).toEqual([
    '1 PAID',
    '2 UNCERTAIN',
    '3 UNCERTAIN',
    '4 REVIEW',
  ])
  expect(await countersOf(db, batch)).toMatchObject({ completed: 1, uncertain: 3, pending: 0 })
  expect(await breachesOf(db)).toEqual([])
})

test('a second quote never replaces the reference of a line whose outcome is not known', async () => {
  const batch = await claimed(2)
  await settled([outcome(batch, 1, 'UNCERTAIN', { pursuit: { rail_reference: 'first', after_ms: 60_000 } })])
  const second = { pursuit: { rail_reference: 'second', after_ms: 60_000 } }
  expect(await settled([outcome(batch, 1, 'QUOTED', second)])).toEqual([])
  expect(await pursuitOf(batch, 1)).toEqual({ state: 'UNCERTAIN', rail_reference: 'first' })
  expect(await countersOf(db, batch)).toMatchObject({ uncertain: 1 })
})

test('what people must look at leaves their list by a payment or by them, not by another answer', async () => {
  const batch = await claimed(4)
  await settled([1, 2, 3, 4].map((seq) => outcome(batch, seq, 'REVIEW')))
  const rows = await settled([
    outcome(batch, 1, 'RETRY', { pursued: true }),
    outcome(batch, 2, 'UNCERTAIN', { pursued: true }),
    outcome(batch, 3, 'FAILED', { pursued: true }),
    outcome(batch, 4, 'PAID', { pursued: true }),
  ])
  expect(rows.map((row) => row.seq)).toEqual([4])
  expect(await statesOf(db, batch)).toEqual({ REVIEW: 3, PAID: 1 })
  expect(await breachesOf(db)).toEqual([])
})

test('a refusal of a worker whose lease was taken changes nothing; its payment settles', async () => {
  const batch = await claimed(5)
  const stale = token
  await takeOver()
  const words: OutcomeWord[] = ['FAILED', 'RETRY', 'UNCERTAIN', 'QUOTED', 'PAID']
  const rows = await settled(
    words.map((word, i) => outcome(batch, i + 1, word)),
    stale,
  )
  expect(rows.map((row) => row.outcome)).toEqual(['PAID'])
  expect(await statesOf(db, batch)).toEqual({ NEW: 4, PAID: 1 })
  expect(await breachesOf(db)).toEqual([])
})

test('settling the same set twice moves the money once', async () => {
  const batch = await claimed(3)
  const set = [outcome(batch, 1, 'PAID'), outcome(batch, 2, 'FAILED'), outcome(batch, 3, 'RETRY')]
  const before = await balanceOf('float:mojaloop')
  expect(await settled(set)).toHaveLength(3)
  expect(await settled(set)).toEqual([])
  expect((await balanceOf('float:mojaloop')) - before).toBe(100n)
  expect(await countersOf(db, batch)).toMatchObject({ completed: 1, failed: 1, pending: 1 })
  expect(await breachesOf(db)).toEqual([])
})

test('what is final stays so: an answer that comes for it afterwards moves neither the line nor the money', async () => {
  const batch = await claimed(3)
  await settled([outcome(batch, 1, 'PAID'), outcome(batch, 2, 'FAILED')])
  await db.run(sql`update payments_batches set cancelled_from = 3 where id = ${batch}`)
  await db.run(sql`
    update payments_lines set state = 'CANCELLED', account_id = null, completed_at = now()
    where batch_id = ${batch} and seq = 3`)
  const before = await findAccount(db, payer.organization_id, payer.account_id)
  for (const word of ['FAILED', 'RETRY', 'UNCERTAIN', 'REVIEW', 'QUOTED'] as const)
    expect(await settled([1, 2, 3].map((seq) => outcome(batch, seq, word)))).toEqual([])
  expect(await statesOf(db, batch)).toEqual({ PAID: 1, FAILED: 1, CANCELLED: 1 })
  const { available, reserved } = await findAccount(db, payer.organization_id, payer.account_id)
  expect({ available, reserved }).toEqual({ available: before.available, reserved: before.reserved })
  // As the cancelling does, which this test did by hand.
  await db.run(sql`update payments_batches set cancelled = 1, finished_at = now() where id = ${batch}`)
  await db.tx(async (tx) => {
    const [info] = await selectBatchInfo(tx, [batch])
    if (info === undefined) throw new Error('no batch')
    const { hold_account_id, payer_ledger_id } = info
    const lines = [
      { account: hold_account_id, amount: -100n, batch_id: batch },
      { account: payer_ledger_id, amount: 100n, batch_id: batch },
    ]
    await production.store.post(tx, [
      { reason: `batch.cancelled:${batch}:test`, kind: 'batch.cancelled', lines },
    ])
  })
  expect(await breachesOf(db)).toEqual([])
})

test('money is made of the rows that changed and not of the answers: an answer for an old attempt is nothing', async () => {
  const batch = await claimed(1)
  await settled([outcome(batch, 1, 'RETRY')])
  const before = await findAccount(db, payer.organization_id, payer.account_id)
  expect(await settled([outcome(batch, 1, 'FAILED', { attempt: 1 })])).toEqual([])
  expect(await findAccount(db, payer.organization_id, payer.account_id)).toMatchObject({
    available: before.available,
    reserved: before.reserved,
  })
})

test('a payment that comes after FAILED is booked as a loss once, is written down, and shows on the line', async () => {
  const batch = await claimed(1)
  await settled([outcome(batch, 1, 'FAILED')])
  const loss = await balanceOf('loss:mojaloop')
  const rows = await settled([outcome(batch, 1, 'PAID')])
  expect(rows).toMatchObject([{ outcome: 'LATE' }])
  await settled([outcome(batch, 1, 'PAID')])
  expect(loss - (await balanceOf('loss:mojaloop'))).toBe(100n)
  const evidence = await db.many<{ what: string }>(sql`
    select what from payments_evidence where batch_id = ${batch} order by id`)
  expect(evidence.map((row) => row.what)).toEqual(['FAILED', 'PAID_LATE'])
  const trail = await db.one<{ n: bigint }>(sql`
    select count(*) as n from audit_events where action = 'payout.paid-late' and subject = ${`line:${batch}:1:1`}`)
  expect(trail.n).toBe(1n)
  expect(
    await db.one(
      sql`select status, error_code from payments_public_lines where batch_id = ${batch} and seq = 1`,
    ),
  ).toEqual({ status: 'FAILED', error_code: 'PAID_LATE' })
  expect(await countersOf(db, batch)).toMatchObject({ state: 'FAILED', failed: 1, completed: 0 })
  expect(await breachesOf(db)).toEqual([])
})

test('when an earlier attempt was paid after all, the attempt that waits is stopped for people', async () => {
  const batch = await claimed(1)
  await settled([outcome(batch, 1, 'RETRY')])
  await settled([outcome(batch, 1, 'PAID', { attempt: 1 })])
  expect(await statesOf(db, batch)).toEqual({ REVIEW: 1 })
  expect(await pursuitOf(batch, 1)).toMatchObject({ state: 'REVIEW' })
  expect(await breachesOf(db)).toEqual([])
})

test('in a cancelled batch a refusal that might pass later is the end', async () => {
  const batch = await claimed(1)
  await db.run(sql`update payments_batches set cancelled_from = 2 where id = ${batch}`)
  await settled([outcome(batch, 1, 'RETRY')])
  expect(await statesOf(db, batch)).toEqual({ FAILED: 1 })
  expect(await pursuitOf(batch, 1)).toBeUndefined()
  expect(await breachesOf(db)).toEqual([])
})

test('a fee is paid from its allowance, what is left of it returns, and what is above it asks who bears it', async () => {
  const batch = await claimed(2, 60n)
  const [fees, float] = [await balanceOf('fees:provider'), await balanceOf('float:mojaloop')]
  const before = await findAccount(db, payer.organization_id, payer.account_id)
  await settled([outcome(batch, 1, 'PAID', { fee: 50n }), outcome(batch, 2, 'PAID', { fee: 75n })])
  const after = await findAccount(db, payer.organization_id, payer.account_id)
  expect(after.reserved - before.reserved).toBe(-320n)
  expect(after.available - before.available).toBe(10n)
  expect((await balanceOf('float:mojaloop')) - float).toBe(325n)
  expect((await balanceOf('fees:provider')) - fees).toBe(-15n)
  expect(
    await db.many(sql`select seq, amount from payments_fee_questions where batch_id = ${batch}`),
  ).toEqual([{ seq: 2, amount: 15n }])
  expect(await breachesOf(db)).toEqual([])
})
