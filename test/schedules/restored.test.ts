import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { openDb, sql, type Db } from '../../src/platform/db.ts'
import { countersOf, newBatch, openTestDriver } from '../harness/payments.ts'
import { until } from '../harness/wait.ts'
import { statesOf } from '../invariants/payments.ts'
import {
  expectAllWell,
  expectFirstAttempts,
  floatOf,
  isDone,
  openPlace,
  payees,
  type Place,
} from './stage.ts'
import { openWire } from './wire.ts'

/** The data as they are now, in a database of its own: what a backup brings back. */
async function backUp({ url }: Place): Promise<Db> {
  const from = new URL(url)
  const name = `${from.pathname.slice(1)}_${randomBytes(3).toString('hex')}`
  const server = new URL(url)
  server.pathname = '/postgres'
  const client = new pg.Client({ connectionString: server.href })
  await client.connect()
  // A copy is made of a database that nobody is in; whoever was there comes back by itself.
  await client.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = $1`, [
    from.pathname.slice(1),
  ])
  await client.query(`create database ${name} template ${from.pathname.slice(1)}`)
  from.pathname = `/${name}`
  const db = openDb({ url: from.href, role: 'cauri_app' })
  onTestFinished(async () => {
    await db.end()
    await client.query(`drop database ${name} with (force)`)
    await client.end()
  })
  return db
}

/**
 * What is shown here holds without any help. What does not, because nobody can know it from the data alone: a list that
 * was made after the backup and is sent again is a new order, and a cancelling after the backup is forgotten.
 */

/** The whole site is lost, and what the backup held goes on. */
const workOn = (db: Db, place: Place): ReturnType<typeof openTestDriver> =>
  openTestDriver(db, place.world, { worker: 'after the restore', settings: { review_after_ms: 20_000 } })

test('a restored database against a rail that remembers: what it has forgotten to have sent is found paid, under the same references', async () => {
  const place = await openPlace()
  const { db, world, payer } = place
  const wire = await openWire(world.sdk_port)
  const driver = await openTestDriver(db, { sdk_port: wire.port }, { settings: { timeout_ms: 20_000 } })
  await until('it drives', async () => driver.driving())
  const settled = await newBatch(db, payer, payees(10, 450_000))
  await isDone(db, settled)
  // At the backup, of one batch 64 lines are claimed and 16 of them under way; another one has just been made.
  wire.holdAnswers()
  const claimed = await newBatch(db, payer, payees(150, 451_000))
  await until('some are under way', async () => (await world.paid()).length >= 20)
  const waiting = await newBatch(db, payer, payees(20, 452_000))
  const backup = await backUp(place)
  wire.letGo()
  // What the backup does not know any more.
  await isDone(db, claimed)
  await isDone(db, waiting)
  await driver.stop(5_000)
  const before = await world.paid()
  expect(before).toHaveLength(180)
  expect((await statesOf(backup, claimed))['PAID'] ?? 0).toBe(0)

  const restored = await workOn(backup, place)
  await isDone(backup, claimed)
  await isDone(backup, waiting)
  await restored.stop(5_000)
  expect(await world.paid()).toEqual(before)
  expect(await countersOf(backup, claimed)).toMatchObject({ state: 'COMPLETED', completed: 150 })
  expect(await countersOf(backup, waiting)).toMatchObject({ state: 'COMPLETED', completed: 20 })
  expect(await floatOf(backup)).toBe(18_000n)
  await expectFirstAttempts({ ...place, db: backup }, claimed, 150)
  await expectFirstAttempts({ ...place, db: backup }, waiting, 20)
  await expectAllWell({ db: backup, world })
})

test('a restored database: a refusal that was forgotten is given again, and nobody who was refused is paid', async () => {
  const place = await openPlace()
  const { db, world, payer } = place
  const refused = ['22890001000002', '22890002000003', '22890003000001']
  const batch = await newBatch(db, payer, [...refused, ...payees(3, 453_000)])
  const backup = await backUp(place)
  const driver = await openTestDriver(db, world)
  await isDone(db, batch)
  await driver.stop(3_000)
  const restored = await workOn(backup, place)
  await isDone(backup, batch)
  await restored.stop(3_000)
  expect(await statesOf(backup, batch)).toEqual(await statesOf(db, batch))
  expect(await world.paid()).toHaveLength(3)
  await expectAllWell({ db: backup, world })
})

test('a restored database: a line that was paid at its second attempt is not paid at its first', async () => {
  const place = await openPlace()
  const { db, world, payer } = place
  const [payee = ''] = payees(1, 454_000)
  await world.control('POST', '/_sim/faults', { kind: '049', suffix: payee, times: 1 })
  const batch = await newBatch(db, payer, [payee])
  const backup = await backUp(place)
  const driver = await openTestDriver(db, world)
  await isDone(db, batch)
  await driver.stop(3_000)
  expect(await db.one(sql`select state, attempt from payments_lines where batch_id = ${batch}`)).toEqual({
    state: 'PAID',
    attempt: 2,
  })
  const restored = await workOn(backup, place)
  await isDone(backup, batch)
  await restored.stop(3_000)
  expect(await world.paid()).toHaveLength(1)
  expect(await statesOf(backup, batch)).toEqual({ PAID: 1 })
  await expectAllWell({ db: backup, world })
})

test('a restored database: a new batch that gets the number of a forgotten one is a new order, and not taken for paid', async () => {
  const place = await openPlace()
  const { db, world, payer } = place
  const backup = await backUp(place)
  const forgotten = await newBatch(db, payer, payees(5, 455_000))
  const driver = await openTestDriver(db, world)
  await isDone(db, forgotten)
  await driver.stop(3_000)
  const after = await newBatch(backup, payer, payees(5, 456_000))
  expect(after).toBe(forgotten)
  const restored = await workOn(backup, place)
  await isDone(backup, after)
  await restored.stop(3_000)
  expect(new Set((await world.paid()).map(({ party }) => party))).toEqual(
    new Set([...payees(5, 455_000), ...payees(5, 456_000)]),
  )
  await expectFirstAttempts({ ...place, db: backup }, after, 5)
})
