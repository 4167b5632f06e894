import { beforeEach, expect, test } from 'vitest'
import { freshDatabase } from '../../../test/harness/database.ts'
import {
  newBatch,
  noNews,
  openPayer,
  quick,
  scriptedRail,
  type Payer,
} from '../../../test/harness/payments.ts'
import { breachesOf, statesOf } from '../../../test/invariants/payments.ts'
import { sql, type Db } from '../../platform/db.ts'
import { openLog } from '../../platform/log.ts'
import { ensureConnection } from '../index.ts'
import { production } from '../production.ts'
import { fill, freeUnsent } from './claims.ts'
import { openDrive, type Drive } from './drive.ts'
import { recover } from './recover.ts'

const HABITS = { deduplicates: true, makes_reference: false, mode: 'one-call' }
let db: Db
let payer: Payer
beforeEach(async () => {
  db = (await freshDatabase()).db
  payer = await openPayer(db, 'ACC-CLAIMS', 100_000n)
  await ensureConnection(db, 'mojaloop', 'mojaloop')
})

/** A worker's memory, without its loop; it has the lease. */
async function driving(worker: string): Promise<Drive> {
  const drive = openDrive({
    ...production,
    db,
    log: openLog('silent'),
    connection: { settings: { ...quick, lease_ms: 60_000 }, rail: scriptedRail({}) },
    handlers: noNews,
    worker,
  })
  await drive.lease.keep()
  return drive
}

const payees = (n: number): string[] => Array.from({ length: n }, (_, i) => `22890${470_000 + i}`)
const freed = async (): Promise<bigint> =>
  (await db.one<{ n: bigint }>(sql`select count(*) as n from payments_ranges where state = 'FREED'`)).n

test('what a worker never sent is free again, and is claimed anew', async () => {
  const drive = await driving('first')
  const batch = await newBatch(db, payer, payees(10))
  expect(await fill(drive)).toBe('claimed')
  await freeUnsent(drive, (task) => task.row.seq > 4)
  expect([drive.queue.length(), await freed()]).toEqual([4, 1n])
  expect(await fill(drive)).toBe('claimed')
  expect([drive.queue.length(), await freed()]).toEqual([10, 0n])
  expect(await statesOf(db, batch)).toEqual({ NEW: 10 })
  expect(await breachesOf(db)).toEqual([])
})

test('a worker whose lease was taken frees nothing: the next one has recovered it as possibly sent', async () => {
  const first = await driving('first')
  const batch = await newBatch(db, payer, payees(10))
  await fill(first)
  await db.run(sql`update payments_connections set lease_until = clock_timestamp() - interval '1 second'`)
  const second = await driving('second')
  await recover({ ...second, habits: HABITS }, second.lease.token())
  expect(await statesOf(db, batch)).toEqual({ UNCERTAIN: 10 })
  await freeUnsent(first, () => true)
  expect(await freed()).toBe(0n)
  expect(await fill(second)).toBe('nothing')
  expect(await breachesOf(db)).toEqual([])
})
