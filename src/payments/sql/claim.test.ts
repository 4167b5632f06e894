import { beforeEach, expect, test } from 'vitest'
import { freshDatabase } from '../../../test/harness/database.ts'
import { newBatch, openPayer, type Payer } from '../../../test/harness/payments.ts'
import { sql, type Db } from '../../platform/db.ts'
import { ensureConnection, holdConnections, pauseBatch } from '../index.ts'
import * as q from './drive.ts'

let db: Db
let payer: Payer
let token = 0n
beforeEach(async () => {
  db = (await freshDatabase()).db
  payer = await openPayer(db, 'ACC-CLAIM', 100_000n)
  await ensureConnection(db, 'mojaloop', 'mojaloop')
  token = (await q.takeLease(db, 'mojaloop', 'one', 60_000))?.token ?? 0n
})

const payees = (n: number): string[] => Array.from({ length: n }, (_, i) => `22890${460_000 + i}`)
const claim = (as = token, worker = 'one'): Promise<q.Claim | undefined> =>
  db.tx((tx) => q.claim(tx, 'mojaloop', worker, as, 2, 0n))

test('lines are claimed once, in order, by the one who has the lease', async () => {
  const batch = await newBatch(db, payer, payees(3))
  expect(await claim(token + 1n)).toBeUndefined()
  expect(await claim(token, 'another')).toBeUndefined()
  expect(await claim()).toMatchObject({ batch_id: batch, from_seq: 1, to_seq: 2 })
  expect(await claim()).toMatchObject({ batch_id: batch, from_seq: 3, to_seq: 3 })
  expect(await claim()).toBeUndefined()
})

test('nothing is claimed when the lease is over', async () => {
  await newBatch(db, payer, payees(3))
  await db.run(sql`update payments_connections set lease_until = clock_timestamp()`)
  expect(await claim()).toBeUndefined()
})

test('nothing is claimed while everything is held', async () => {
  await newBatch(db, payer, payees(3))
  await db.tx((tx) => holdConnections(tx, 'the books do not add up'))
  expect(await claim()).toBeUndefined()
})

test('nothing is claimed of a paused batch, neither fresh lines nor freed ones', async () => {
  const batch = await newBatch(db, payer, payees(4))
  const first = await claim()
  await db.run(sql`update payments_ranges set state = 'FREED' where id = ${first?.range_id}`)
  await db.tx((tx) => pauseBatch(tx, batch, true, 'lunch'))
  expect(await claim()).toBeUndefined()
  await db.tx((tx) => pauseBatch(tx, batch, false, null))
  expect(await claim()).toMatchObject({ from_seq: 1, to_seq: 2 })
  expect(await claim()).toMatchObject({ from_seq: 3, to_seq: 4 })
})

test.each([
  ['goes on', sql`select`, 1],
  ['is paused', sql`update payments_batches set paused = true`, 0],
  ['is cancelled', sql`update payments_batches set cancelled_from = 1, open = false`, 0],
])('an uncertain order of a batch that %s: whether it may be sent again', async (_how, change, rows) => {
  const batch = await newBatch(db, payer, payees(1))
  await claim()
  await db.run(sql`update payments_lines set state = 'UNCERTAIN' where batch_id = ${batch}`)
  const { id } = await db.one<{ id: bigint }>(sql`
    insert into payments_pursuits (batch_id, seq, connection_id, attempt, state, token, rail_reference, next_at)
    values (${batch}, 1, 'mojaloop', 1, 'UNCERTAIN', ${token}, 'a-reference', cauri_now()) returning id`)
  await db.run(change)
  const change_to = { not_found: 0, because: 'a test', resends: true }
  const due = { id, attempt: 1, resent: 0 }
  expect(await q.reschedule(db, due, token + 1n, 1_000, change_to)).toBe(0)
  expect(await q.reschedule(db, due, token, 1_000, change_to)).toBe(rows)
})
