import { setTimeout as pause } from 'node:timers/promises'
import { beforeEach, beforeAll, expect, test } from 'vitest'
import { freshDatabase } from '../../test/harness/database.ts'
import { until } from '../../test/harness/wait.ts'
import { sql, type Db, type Tx } from './db.ts'
import { openLog } from './log.ts'
import { add, drainOutbox, listDeadOutbox, reviveOutbox, runOutbox, type OutboxHandlers } from './outbox.ts'

type Kind = 'PAID' | 'BAD'
const log = openLog('silent')
let db: Db
beforeAll(async () => void (db = (await freshDatabase()).db))
beforeEach(async () => {
  await db.run(sql`delete from platform_outbox`)
  await db.run(sql`delete from platform_idempotency`)
})

/** A delivery is a row of a table that the handler's transaction can write. */
const deliver = (tx: Tx, key: string): Promise<number> =>
  tx.run(sql`
    insert into platform_idempotency (scope, key, fingerprint, token, lease_until)
    values ('delivery', ${key}, ${Buffer.alloc(32)}, gen_random_uuid(), clock_timestamp())`)
const deliveries = async (): Promise<string[]> =>
  (await db.many<{ key: string }>(sql`select key from platform_idempotency order by created_at`)).map(
    ({ key }) => key,
  )
const waiting = async (): Promise<number> => (await db.many(sql`select id from platform_outbox`)).length
const makeDue = (): Promise<number> => db.run(sql`update platform_outbox set due_at = clock_timestamp()`)

const handlers: OutboxHandlers<Kind> = {
  PAID: async (tx, row) => void (await deliver(tx, row.subject)),
  BAD: async (tx, row) => {
    await deliver(tx, `half ${row.subject}`)
    await tx.run(sql`select 1 / 0`)
  },
}

test('facts are delivered in their order, and a fact whose transaction rolled back never', async () => {
  await db.tx(async (tx) => {
    for (let i = 0; i < 5; i++) await add(tx, 'PAID', `p${i}`, { i })
  })
  const gone = db.tx(async (tx) => {
    await add(tx, 'PAID', 'never', {})
    throw new Error('rolled back')
  })
  await expect(gone).rejects.toThrow('rolled back')
  expect(await drainOutbox(db, handlers, { log })).toBe(5)
  expect(await deliveries()).toEqual(['p0', 'p1', 'p2', 'p3', 'p4'])
  expect(await waiting()).toBe(0)
})

test('a row whose handler fails holds nobody up, leaves nothing half done, and waits before it is tried again', async () => {
  await db.tx(async (tx) => {
    await add(tx, 'BAD', 'b', {})
    await add(tx, 'PAID', 'good', {})
  })
  expect(await drainOutbox(db, handlers, { log })).toBe(2)
  expect(await deliveries()).toEqual(['good'])
  expect(await drainOutbox(db, handlers, { log })).toBe(0)
  await makeDue()
  expect(await drainOutbox(db, { ...handlers, BAD: handlers.PAID }, { log })).toBe(1)
  expect(await deliveries()).toEqual(['good', 'b'])
})

test('after its last try a row is dead: kept, listed with the reason, and can be revived', async () => {
  await db.tx((tx) => add(tx, 'BAD', 'b', { a: 1 }))
  for (let i = 0; i < 3; i++) {
    await drainOutbox(db, handlers, { log, max_tries: 3 })
    await makeDue()
  }
  const [dead, ...others] = await listDeadOutbox(db)
  expect(dead).toMatchObject({
    kind: 'BAD',
    subject: 'b',
    payload: { a: 1 },
    tries: 3,
    last_error: 'division by zero',
  })
  expect(others).toEqual([])
  expect(await drainOutbox(db, handlers, { log })).toBe(0)
  expect(await db.tx((tx) => reviveOutbox(tx, dead?.id ?? 0n))).toBe(true)
  expect(await drainOutbox(db, { ...handlers, BAD: handlers.PAID }, { log })).toBe(1)
})

test('a kind without a handler (an older process wrote it) is tried again, not lost', async () => {
  await db.tx((tx) => add(tx, 'UNKNOWN', 'u', {}))
  await db.tx((tx) => add(tx, 'toString', 'u', {}))
  expect(await drainOutbox(db, handlers, { log })).toBe(2)
  expect(await waiting()).toBe(2)
})

test('four workers at once deliver each of 500 rows exactly once', async () => {
  await db.tx(async (tx) => {
    for (let i = 0; i < 500; i++) await add(tx, 'PAID', `p${i}`, {})
  })
  const taken = await Promise.all(Array.from({ length: 4 }, () => drainOutbox(db, handlers, { log })))
  expect(taken.reduce((a, b) => a + b)).toBe(500)
  expect(new Set(await deliveries()).size).toBe(500)
})

test('the runner drains again and again, at once after wake, and survives a round that fails', async () => {
  let rounds = 0
  const runner = runOutbox(
    async () => {
      rounds++
      if (rounds === 1) throw new Error('the database is away')
    },
    log,
    60_000,
  )
  await until('the first round', async () => rounds === 1)
  runner.wake()
  await until('a second round', async () => rounds === 2)
  await runner.close()
  runner.wake()
  await pause(30)
  expect(rounds).toBe(2)
})
