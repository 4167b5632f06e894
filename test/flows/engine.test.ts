import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkAll } from '../../src/integrity/index.ts'
import { findAccount } from '../../src/payments/index.ts'
import type { Db } from '../../src/platform/db.ts'
import { freshDatabase } from '../harness/database.ts'
import {
  countersOf,
  newBatch,
  openPayer,
  openTestDriver,
  openWorld,
  type Payer,
  type World,
} from '../harness/payments.ts'
import { until } from '../harness/wait.ts'

let db: Db
let world: World
let payer: Payer
beforeAll(async () => {
  db = (await freshDatabase()).db
  world = await openWorld()
  payer = await openPayer(db, 'ACC-ENGINE', 10_000_000n)
})
afterAll(() => world.close())

const number = (i: number): string => `2289${String(1_111_111 + i)}`

test('a batch is paid, each line once, and every franc is explained', async () => {
  const driver = await openTestDriver(db, world)
  const batch = await newBatch(
    db,
    payer,
    Array.from({ length: 500 }, (_, i) => number(i)),
  )
  await until('the batch is final', async () => (await countersOf(db, batch)).state === 'COMPLETED', 15_000)
  const paid = await world.paid()
  expect(paid).toHaveLength(500)
  expect(new Set(paid.map((p) => p.party)).size).toBe(500)
  const account = await findAccount(db, payer.organization_id, payer.account_id)
  expect(account).toMatchObject({ available: 10_000_000n - 50_000n, reserved: 0n })
  expect(await checkAll(db)).toEqual([])
  await driver.stop(5_000)
})

test('the checks find nothing wrong while a batch is being paid: they look at one moment', async () => {
  const driver = await openTestDriver(db, world)
  const batch = await newBatch(
    db,
    payer,
    Array.from({ length: 1_500 }, (_, i) => number(1_000 + i)),
  )
  let checks = 0
  while ((await countersOf(db, batch)).pending > 0) {
    expect(await checkAll(db)).toEqual([])
    checks += 1
  }
  expect(checks).toBeGreaterThan(2)
  await driver.stop(5_000)
})
