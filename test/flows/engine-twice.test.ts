import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createBulk } from '../../src/bulk/create.ts'
import type { Answer, Order } from '../../src/connectors/index.ts'
import { balancesOf, systemAccount } from '../../src/ledger/index.ts'
import { referenceOf } from '../../src/payments/engine/reference.ts'
import { cancelBatch, ensureConnection, findAccount, type Driver } from '../../src/payments/index.ts'
import { sql, type Db } from '../../src/platform/db.ts'
import { Refusal } from '../../src/platform/errors.ts'
import { withoutKey } from '../../src/platform/http/idempotency.ts'
import { sha256 } from '../../src/platform/ids.ts'
import { freshDatabase } from '../harness/database.ts'
import { emptyHome } from '../harness/home.ts'
import {
  countersOf,
  newBatch,
  noNews,
  openPayer,
  openScriptedDriver,
  openTestDriver,
  openWorld,
  paidAnswer,
  quick,
  scriptedRail,
  type Payer,
  type World,
} from '../harness/payments.ts'
import { spawnNode } from '../harness/process.ts'
import { until } from '../harness/wait.ts'
import { breachesOf, differencesFrom, statesOf } from '../invariants/payments.ts'

/** The five ways in which systems like this one pay twice, each tried here in earnest. */

let db: Db
let url = ''
let payer: Payer
let world: World
const drivers: Driver[] = []
beforeEach(async () => {
  const fresh = await freshDatabase()
  db = fresh.db
  url = fresh.url
  payer = await openPayer(db, 'ACC-TWICE', 1_000_000n)
  await ensureConnection(db, 'mojaloop', 'mojaloop')
  world = await openWorld({ mojaloop: { timeout_s: 0.3 } })
})
afterEach(async () => {
  for (const driver of drivers.splice(0)) await driver.stop(2_000)
  await world.close()
})

const payees = (n: number): string[] => Array.from({ length: n }, (_, i) => `22890${710_000 + i}`)
const completed = (batch: bigint, n: number): Promise<boolean> =>
  until(`${n} lines of batch ${batch} are paid`, async () => (await countersOf(db, batch)).completed === n)

/** The references that the rail paid are those of each line's first attempt: no other one was ever made. */
async function expectFirstAttempts(batch: bigint, n: number): Promise<void> {
  const { secret } = await db.one<{ secret: Buffer }>(
    sql`select secret from payments_batches where id = ${batch}`,
  )
  const ours = Array.from({ length: n }, (_, i) => referenceOf(secret, i + 1, 1)).toSorted()
  expect((await world.paid()).map((payment) => payment.reference).toSorted()).toEqual(ours)
  expect(await differencesFrom(db, await world.paid())).toEqual([])
  expect(await breachesOf(db)).toEqual([])
}

test('way one, a new reference after «not found»: the same one is sent again, though the rail denied that it had it', async () => {
  // Of each three calls one is lost on its way to the rail, one on its way back; and the rail denies what it has.
  await world.control('POST', '/_sim/faults', { kind: 'init_lost_request', nth: 3 })
  await world.control('POST', '/_sim/faults', { kind: 'init_lost_response', nth: 4 })
  await world.control('POST', '/_sim/faults', {
    kind: 'status_endpoint_lies',
    operation: 'status',
    probability: 0.7,
    delay_s: 30,
  })
  drivers.push(await openTestDriver(db, world, { settings: { review_after_ms: 15_000 } }))
  const batch = await newBatch(db, payer, payees(60))
  await completed(batch, 60)
  const { resent } = await db.one<{ resent: bigint }>(sql`
    select count(*) as resent from payments_evidence where batch_id = ${batch} and what = 'UNCERTAIN'`)
  expect(resent).toBeGreaterThan(10n)
  await expectFirstAttempts(batch, 60)
})

const WORKER = fileURLToPath(new URL('../harness/programs/drive.ts', import.meta.url))

test('way two, a lease without the same reference: who takes over a killed worker’s orders sends them as they were', async () => {
  // The rail pays at once and answers late, and denies what it has paid: the next worker must send again.
  await world.control('POST', '/_sim/faults', { kind: 'slow_responses', delay_s: 30 })
  const settings = JSON.stringify(quick)
  const first = spawnNode(WORKER, { args: [url, String(world.sdk_port), 'first', settings] })
  const batch = await newBatch(db, payer, payees(30))
  await until('the rail has paid some', async () => (await world.paid()).length >= 10)
  first.kill('SIGKILL')
  await first.exited
  await world.control('DELETE', '/_sim/faults')
  await world.control('POST', '/_sim/faults', {
    kind: 'status_endpoint_lies',
    operation: 'status',
    delay_s: 600,
    times: 60,
  })
  expect((await statesOf(db, batch))['PAID']).toBeUndefined()
  drivers.push(await openTestDriver(db, world, { worker: 'second' }))
  await completed(batch, 30)
  const { resent } = await db.one<{ resent: bigint }>(sql`
    select count(*) as resent from payments_evidence where batch_id = ${batch} and what = 'PAID'`)
  expect(resent).toBe(30n)
  await expectFirstAttempts(batch, 30)
})

test('way three, ledger lines made of answers: two workers who both hear «paid» book it once', async () => {
  const answers: ((answer: Answer) => void)[] = []
  const orders: Order[] = []
  const first = await openScriptedDriver(
    db,
    scriptedRail({
      pay: (order) => {
        orders.push(order)
        return new Promise((resolve) => answers.push(resolve))
      },
    }),
    { worker: 'first' },
  )
  first.start()
  drivers.push(first)
  const batch = await newBatch(db, payer, payees(5))
  await until('the first one has sent them', async () => orders.length === 5)
  // Frozen, as far as the lease is concerned.
  await db.run(sql`
    update payments_connections set worker = 'second', token = token + 1, lease_until = clock_timestamp()`)
  const second = await openScriptedDriver(
    db,
    scriptedRail({ find: (order) => Promise.resolve(paidAnswer(order)) }),
    { worker: 'second' },
  )
  second.start()
  drivers.push(second)
  // Whichever of the two drives now, both hear that all five were paid.
  for (const [i, order] of orders.entries()) answers[i]?.(paidAnswer(order))
  await completed(batch, 5)
  const float = await db.tx((tx) => systemAccount(tx, 'float:mojaloop', 'XOF'))
  await until('both have settled', async () => (await countersOf(db, batch)).uncertain === 0)
  expect((await balancesOf(db, [float])).get(float)).toBe(500n)
  const { lines } = await db.one<{ lines: bigint }>(sql`
    select count(*) as lines from ledger_lines where batch_id = ${batch} and account_id = ${float}`)
  expect(lines).toBe(5n)
  expect(await breachesOf(db)).toEqual([])
})

test('way four, cancelling by a status column: a line under way reads NEW, and is not given back for that', async () => {
  const answers: (() => void)[] = []
  const driver = await openScriptedDriver(
    db,
    scriptedRail({
      pay: (order) => new Promise((resolve) => answers.push(() => resolve(paidAnswer(order)))),
    }),
  )
  driver.start()
  drivers.push(driver)
  const batch = await newBatch(db, payer, payees(20))
  await until('sixteen are under way', async () => answers.length === 16)
  expect(await statesOf(db, batch)).toEqual({ NEW: 20 })
  const cancelled = await db
    .tx((tx) => cancelBatch(tx, batch, noNews))
    .then(Number, (error: unknown) => {
      if (error instanceof Refusal && error.code === 'BULK_NOTHING_TO_CANCEL') return 0
      throw error
    })
  expect(cancelled).toBe(0)
  await until('all are paid', async () => {
    for (const answer of answers.splice(0)) answer()
    return (await countersOf(db, batch)).completed === 20
  })
  const { available, reserved } = await findAccount(db, payer.organization_id, payer.account_id)
  expect({ available, reserved }).toEqual({ available: 1_000_000n - 2_000n, reserved: 0n })
  expect(await breachesOf(db)).toEqual([])
})

test('way five, looking for the same list before taking the lock: of eight uploads at once one is taken', async () => {
  const folder = emptyHome()
  const rows = payees(50).map((to) => `MSISDN,${to},XOF,100`)
  const upload = (i: number): Promise<string> => {
    const path = `${folder}/list-${i}.csv`
    // Another order and other line ends: the same list all the same.
    const turned = [...rows.slice(i), ...rows.slice(0, i)]
    writeFileSync(path, ['type_id,valeur_id,devise,montant', ...turned].join(i % 2 === 0 ? '\n' : '\r\n'))
    return createBulk(
      {
        db,
        limits: { max_rows: 1_000, max_bytes: 1_000_000 },
        connection: { id: 'mojaloop', fee_cap: 0n },
        same_list_days: 20,
        same_list_warning_days: 90,
        language: 'en',
      },
      { organization_id: payer.organization_id, name: 'test' },
      {
        path,
        sha256: sha256(String(i)),
        file_name: `list-${i}.csv`,
        payer_account: payer.account_id,
        callback: undefined,
        allow_duplicate: false,
      },
      withoutKey,
    ).then(
      () => 'taken',
      (error: unknown) => {
        if (error instanceof Refusal) return error.code
        throw error
      },
    )
  }
  const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => upload(i)))
  expect(answers.toSorted()).toEqual([...Array.from({ length: 7 }, () => 'SAME_LIST'), 'taken'])
  const { available, reserved } = await findAccount(db, payer.organization_id, payer.account_id)
  expect({ available, reserved }).toEqual({ available: 995_000n, reserved: 5_000n })
  expect(await breachesOf(db)).toEqual([])
})
