import { beforeEach, expect, test } from 'vitest'
import { freshDatabase } from '../../../test/harness/database.ts'
import { quick, scriptedRail } from '../../../test/harness/payments.ts'
import { sql, type Db } from '../../platform/db.ts'
import { openLog } from '../../platform/log.ts'
import { ensureConnection } from '../index.ts'
import { production } from '../production.ts'
import { openLease, type LeaseKeeper } from './lease.ts'

const LEASE_MS = 60_000
let db: Db
/** Every worker's own time, moved by hand. */
let now = 0
beforeEach(async () => {
  db = (await freshDatabase()).db
  await ensureConnection(db, 'mojaloop', 'mojaloop')
  now = 1_000
})

/** A worker whose answers from the database take so long. */
const keeperOf = (worker: string, slow_ms = 0): LeaseKeeper => {
  const { store, clock } = production
  const late = async <T>(work: Promise<T>): Promise<T> => {
    const answer = await work
    now += slow_ms
    return answer
  }
  return openLease({
    db,
    log: openLog('silent'),
    store: {
      ...store,
      takeLease: (...args) => late(store.takeLease(...args)),
      renewLease: (...args) => late(store.renewLease(...args)),
    },
    clock: { ...clock, now: () => now, wall: () => now },
    connection: { settings: { ...quick, lease_ms: LEASE_MS }, rail: scriptedRail({}) },
    worker,
  })
}

const isOver = (): Promise<number> =>
  db.run(sql`update payments_connections set lease_until = clock_timestamp() - interval '1 second'`)

test('one worker has the lease; another takes it when it is over and not before, and the token grows', async () => {
  const [first, second] = [keeperOf('first'), keeperOf('second')]
  expect([await first.keep(), await second.keep()]).toEqual([true, false])
  expect([first.token(), second.token(), second.safe()]).toEqual([1n, 0n, false])
  await isOver()
  expect(await second.keep()).toBe(true)
  expect(second.token()).toBe(2n)
  now += LEASE_MS / 2
  await first.keep()
  expect([first.token(), first.safe()]).toEqual([0n, false])
})

test('it is safe for two thirds of the lease, whatever the database would say', async () => {
  const keeper = keeperOf('first')
  await keeper.keep()
  now += (LEASE_MS * 2) / 3 - 1
  expect(keeper.safe()).toBe(true)
  now += 1
  expect(keeper.safe()).toBe(false)
  await keeper.keep()
  expect(keeper.safe()).toBe(true)
})

test.each([
  ['taken', 1],
  ['renewed', 2],
])(
  'a lease that is %s counts from the moment when it was asked for: the answer may be slow',
  async (_how, times) => {
    const keeper = keeperOf('first', LEASE_MS / 2)
    for (let i = 0; i < times; i++) await keeper.keep()
    now += LEASE_MS / 4
    expect(keeper.safe()).toBe(false)
  },
)
