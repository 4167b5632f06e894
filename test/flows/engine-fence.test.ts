import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Answer, Order } from '../../src/connectors/index.ts'
import { ensureConnection, type Driver } from '../../src/payments/index.ts'
import { openDb, sql, type Db } from '../../src/platform/db.ts'
import { freshDatabase } from '../harness/database.ts'
import { ask } from '../harness/home.ts'
import { openCommitEater } from '../harness/lost-commit.ts'
import {
  countersOf,
  newBatch,
  openPayer,
  openScriptedDriver,
  openWorld,
  paidAnswer,
  quick,
  scriptedRail,
  type Payer,
} from '../harness/payments.ts'
import { spawnNode } from '../harness/process.ts'
import { until } from '../harness/wait.ts'
import { breachesOf, differencesFrom, statesOf } from '../invariants/payments.ts'

let db: Db
let url = ''
let payer: Payer
const drivers: Driver[] = []
// A database for each test: what one leaves unfinished would be recovered by the next.
beforeEach(async () => {
  const fresh = await freshDatabase()
  db = fresh.db
  url = fresh.url
  payer = await openPayer(db, 'ACC-FENCE', 10_000_000n)
  await ensureConnection(db, 'mojaloop', 'mojaloop')
})
afterEach(async () => {
  for (const driver of drivers.splice(0)) await driver.stop(2_000)
})

let next = 300_000
const payees = (n: number): string[] => Array.from({ length: n }, () => `22890${++next}`)
const start = (driver: Driver): Driver => {
  drivers.push(driver)
  driver.start()
  return driver
}
const completed = (batch: bigint, deadline_ms = 10_000): Promise<boolean> =>
  until(
    `batch ${batch} is COMPLETED`,
    async () => (await countersOf(db, batch)).state === 'COMPLETED',
    deadline_ms,
  )

/** What the rail was asked to pay, by reference. */
function counted(): { readonly calls: string[]; readonly pay: (order: Order) => Promise<Answer> } {
  const calls: string[] = []
  return {
    calls,
    pay: (order) => {
      calls.push(order.reference)
      return Promise.resolve(paidAnswer(order))
    },
  }
}

/** Another worker took the lease, and is gone at once. */
const takenByAnother = (lease = '0 seconds'): Promise<{ token: bigint }> =>
  db.one(sql`
    update payments_connections set worker = 'another', token = token + 1,
      lease_until = clock_timestamp() + ${lease}::interval where id = 'mojaloop' returning token`)

/** What a worker leaves that died in the middle of a range: all of the batch may have been sent. */
async function leaveBehind(batch: bigint, mode: string): Promise<void> {
  const { token } = await takenByAnother()
  await db.run(sql`update payments_batches set next_seq = total + 1, open = false where id = ${batch}`)
  await db.run(sql`
    insert into payments_ranges (batch_id, from_seq, to_seq, connection_id, token, state, mode)
    select id, 1, total, connection_id, ${token}, 'OPEN', ${mode} from payments_batches where id = ${batch}`)
}

test('what a dead worker left is taken over even when the rail is away at that moment', async () => {
  let away = false
  const rail = scriptedRail({
    probe: () =>
      away
        ? Promise.reject(new Error('no answer'))
        : Promise.resolve({ deduplicates: true, makes_reference: false, mode: 'one-call' }),
    find: (order) => Promise.resolve(paidAnswer(order)),
  })
  const driver = start(await openScriptedDriver(db, rail))
  await until('it drives', async () => driver.driving())
  away = true
  const batch = await newBatch(db, payer, payees(5))
  await leaveBehind(batch, 'one-call')
  await until('it has lost the lease', async () => !driver.driving())
  await until('it drives again', async () => driver.driving())
  away = false
  await completed(batch)
  expect(await breachesOf(db)).toEqual([])
})

test.each([
  ['claiming a range', 'payments_claim('],
  ['settling a set', 'payments_settle('],
  ['taking up what is due', 'payments_pursuits set rail_reference'],
  ['freeing what was not sent', `set state = 'DONE' where id = any`],
])('a commit whose answer is lost while %s leaves nothing that nobody follows', async (_doing, words) => {
  const eater = await openCommitEater(url)
  const lossy = openDb({ url: eater.url, role: 'cauri_app' })
  const rail = counted()
  const refused = new Set<string>()
  const [first = '', ...others] = payees(20)
  const driver = start(
    await openScriptedDriver(
      lossy,
      scriptedRail({
        ...rail,
        pay: (order) => {
          if (order.payee.identifier !== first || refused.size > 0) return rail.pay(order)
          refused.add(order.reference)
          return Promise.resolve({ kind: 'refused', reason: 'RAIL_BUSY', retryable: true, said: {} })
        },
        find: (order, reference) =>
          Promise.resolve(
            rail.calls.includes(reference) ? paidAnswer(order) : { kind: 'not-found', said: {} },
          ),
      }),
      { settings: { rate_per_s: 40, review_after_ms: 20_000, retry_delays_ms: [300, 300] } },
    ),
  )
  eater.eat(words)
  const batch = await newBatch(db, payer, [first, ...others])
  await until('some are paid', async () => rail.calls.length > 3)
  await db.run(sql`update payments_batches set paused = true where id = ${batch}`)
  await until('the pause holds', async () => {
    const { status } = await db.one<{ status: string }>(sql`
      select status from payments_public_lines where batch_id = ${batch} and seq = 20`)
    return status !== 'PROCESSING'
  })
  await db.run(sql`update payments_batches set paused = false where id = ${batch}`)
  await until('the batch is final', async () => (await countersOf(db, batch)).state.endsWith('COMPLETED'))
  expect(eater.eaten()).toBe(1)
  // A line that was recovered is sent again; a refusal that it gets then is the end of it.
  const { completed: paid, failed } = await countersOf(db, batch)
  expect([paid + failed, failed <= 1]).toEqual([20, true])
  // The rail deduplicates by the reference, so the same one again would be no payment; another one would be.
  expect(new Set(rail.calls).size).toBe(paid)
  expect(driver.driving()).toBe(true)
  expect(await breachesOf(db)).toEqual([])
  await driver.stop(2_000)
  drivers.splice(0)
  await lossy.end()
})

test('lines that were sent under our own reference are not sent anew when the rail makes the references now', async () => {
  const rail = counted()
  const habits = { deduplicates: false, makes_reference: true, mode: 'two-phase' }
  const batch = await newBatch(db, payer, payees(3))
  await leaveBehind(batch, 'stepwise')
  start(await openScriptedDriver(db, scriptedRail({ ...rail, probe: () => Promise.resolve(habits) })))
  await until('people must look', async () => (await statesOf(db, batch))['REVIEW'] === 3)
  expect(rail.calls).toEqual([])
  expect(await breachesOf(db)).toEqual([])
})

test('lines without a committed reference start again where the rail makes it, and are accepted once', async () => {
  const confirmed: string[] = []
  const batch = await newBatch(db, payer, payees(3))
  await leaveBehind(batch, 'two-phase')
  const rail = scriptedRail({
    probe: () => Promise.resolve({ deduplicates: false, makes_reference: true, mode: 'two-phase' }),
    pay: (order) =>
      Promise.resolve({
        kind: 'quoted',
        rail_reference: `rail-${order.reference}`,
        fee: 0n,
        expires_at: new Date(Date.now() + 60_000),
        said: {},
      }),
    confirm: async (order, reference) => {
      const kept = await db.maybeOne<{ state: string }>(sql`
        select state from payments_pursuits where rail_reference = ${reference}`)
      confirmed.push(kept?.state ?? 'nothing was committed')
      return paidAnswer(order)
    },
  })
  start(await openScriptedDriver(db, rail))
  await completed(batch)
  expect(confirmed).toEqual(['QUOTED', 'QUOTED', 'QUOTED'])
  expect(await breachesOf(db)).toEqual([])
})

test('killed between the committed reference and the acceptance: the line is only asked about, then people look', async () => {
  const batch = await newBatch(db, payer, payees(2))
  await leaveBehind(batch, 'two-phase')
  await db.run(sql`
    insert into payments_pursuits (batch_id, seq, connection_id, attempt, state, rail_reference, next_at)
    select ${batch}, seq, 'mojaloop', 1, 'QUOTED', 'theirs-' || seq, cauri_now() + interval '1 minute'
    from payments_lines where batch_id = ${batch}`)
  const asked = new Set<string>()
  const rail = counted()
  start(
    await openScriptedDriver(
      db,
      scriptedRail({
        ...rail,
        probe: () => Promise.resolve({ deduplicates: false, makes_reference: true, mode: 'two-phase' }),
        confirm: rail.pay,
        find: (order, reference) => {
          asked.add(reference)
          return Promise.resolve(
            reference === 'theirs-1' ? paidAnswer(order) : { kind: 'not-found', said: {} },
          )
        },
      }),
    ),
  )
  await until('one is paid, of the other nothing is known', async () => {
    const { PAID, REVIEW } = await statesOf(db, batch)
    return PAID === 1 && REVIEW === 1
  })
  expect([...asked].toSorted()).toEqual(['theirs-1', 'theirs-2'])
  expect(rail.calls).toEqual([])
  expect(await breachesOf(db)).toEqual([])
})

test('an order claimed under a lease that is over is not sent under the next one', async () => {
  const answers: ((answer: Answer) => void)[] = []
  const confirmed: string[] = []
  const rail = scriptedRail({
    probe: () => Promise.resolve({ deduplicates: false, makes_reference: true, mode: 'two-phase' }),
    pay: () => new Promise((resolve) => answers.push(resolve)),
    confirm: (_order, reference) => {
      confirmed.push(reference)
      return Promise.resolve({ kind: 'unknown', because: 'time-out', said: {} })
    },
    find: () => Promise.resolve({ kind: 'unknown', because: 'time-out', said: {} }),
  })
  const driver = start(await openScriptedDriver(db, rail, { settings: { review_after_ms: 500 } }))
  const batch = await newBatch(db, payer, payees(1))
  await until('the order is under way', async () => answers.length === 1)
  await takenByAnother('300 milliseconds')
  await until('it has lost the lease', async () => !driver.driving())
  await until('it drives again', async () => driver.driving())
  answers[0]?.({ kind: 'unsent', because: 'no connection', said: {} })
  const quote = (n: number): Answer => ({
    kind: 'quoted',
    rail_reference: `quote-${n}`,
    fee: 0n,
    expires_at: new Date(Date.now() + 60_000),
    said: {},
  })
  await until('the line was claimed anew', async () => answers.length === 2)
  answers[1]?.(quote(1))
  await until('its outcome is not known', async () => (await statesOf(db, batch))['UNCERTAIN'] === 1)
  for (const [i, answer] of answers.entries()) answer(quote(i + 1))
  await until('people must look', async () => (await statesOf(db, batch))['REVIEW'] === 1)
  expect(confirmed).toEqual(['quote-1'])
  expect(answers).toHaveLength(2)
})

test('a process that was frozen sends nothing before it has renewed its lease', async () => {
  const calls: string[] = []
  const answers: (() => void)[] = []
  const rail = scriptedRail({
    pay: (order) => {
      calls.push(order.reference)
      return new Promise((resolve) => answers.push(() => resolve(paidAnswer(order))))
    },
  })
  start(await openScriptedDriver(db, rail, { settings: { window_max: 4 } }))
  const batch = await newBatch(db, payer, payees(12))
  await until('four are under way', async () => calls.length === 4)
  // The whole process stands still, as it does when it is stopped: two thirds of its lease pass.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 650)
  for (const answer of answers.splice(0)) answer()
  // Whatever would follow at once has followed by now; a renewal takes a round trip to the database.
  for (let i = 0; i < 20; i++) await Promise.resolve()
  expect(calls).toHaveLength(4)
  await until('all are paid', async () => {
    for (const answer of answers.splice(0)) answer()
    return (await countersOf(db, batch)).completed === 12
  })
  expect(new Set(calls).size).toBe(12)
})

test('a refusal that comes after the lease was taken does not count; a payment does', async () => {
  const answers = new Map<string, (answer: Answer) => void>()
  const orders = new Map<string, Order>()
  const rail = scriptedRail({
    pay: (order) => {
      orders.set(order.payee.identifier, order)
      return new Promise((resolve) => answers.set(order.payee.identifier, resolve))
    },
  })
  start(await openScriptedDriver(db, rail))
  const [refused = '', paid = ''] = payees(2)
  const batch = await newBatch(db, payer, [refused, paid])
  await until('both are under way', async () => answers.size === 2)
  await takenByAnother('1 hour')
  answers.get(refused)?.({ kind: 'refused', reason: 'PAYEE_NOT_FOUND', retryable: false, said: {} })
  const order = orders.get(paid)
  if (order !== undefined) answers.get(paid)?.(paidAnswer(order))
  await until('the payment is settled', async () => (await statesOf(db, batch))['PAID'] === 1)
  expect(await statesOf(db, batch)).toEqual({ PAID: 1, NEW: 1 })
})

test('a quote that cannot be written down is not accepted: people look at the line', async () => {
  const owner = openDb({ url, max: 1 })
  await owner.run(sql`
    create function test_refuses() returns trigger language plpgsql as $$
    begin
      if new.state = 'QUOTED' then raise exception 'no quotes today' using errcode = 'check_violation'; end if;
      return new;
    end $$`)
  await owner.run(sql`
    create trigger test_refuses before insert on payments_pursuits for each row execute function test_refuses()`)
  const confirmed: string[] = []
  const rail = scriptedRail({
    probe: () => Promise.resolve({ deduplicates: false, makes_reference: true, mode: 'two-phase' }),
    pay: (order) =>
      Promise.resolve({
        kind: 'quoted',
        rail_reference: `rail-${order.reference}`,
        fee: 0n,
        expires_at: new Date(Date.now() + 60_000),
        said: {},
      }),
    confirm: (order, reference) => {
      confirmed.push(reference)
      return Promise.resolve(paidAnswer(order))
    },
  })
  const driver = await openScriptedDriver(db, rail)
  start(driver)
  const batch = await newBatch(db, payer, payees(2))
  await until('people must look', async () => (await statesOf(db, batch))['REVIEW'] === 2)
  await driver.stop(2_000)
  expect(confirmed).toEqual([])
  await owner.run(sql`drop trigger test_refuses on payments_pursuits`)
  await owner.end()
  expect(await breachesOf(db)).toEqual([])
})

test('a question under way when the connection stops does no harm, and its answer counts', async () => {
  const asked: ((answer: Answer) => void)[] = []
  const [uncertain = '', stopping = ''] = payees(2)
  let stops = 1
  let ours: Order | undefined
  const rail = scriptedRail({
    pay: (order) => {
      if (order.payee.identifier === uncertain) {
        ours = order
        return Promise.resolve({ kind: 'unknown', because: 'time-out', said: {} })
      }
      return Promise.resolve(
        stops-- > 0 ? { kind: 'stop', because: 'the rail answers 401', said: {} } : paidAnswer(order),
      )
    },
    find: () => new Promise((resolve) => asked.push(resolve)),
  })
  start(await openScriptedDriver(db, rail))
  const first = await newBatch(db, payer, [uncertain])
  await until('the question is under way', async () => asked.length === 1)
  const second = await newBatch(db, payer, [stopping])
  const stateOf = async (): Promise<string> =>
    (await db.one<{ state: string }>(sql`select state from payments_connections where id = 'mojaloop'`)).state
  await until('the connection is stopped', async () => (await stateOf()) === 'STOPPED')
  if (ours !== undefined) asked[0]?.(paidAnswer(ours))
  await completed(first)
  await completed(second)
  expect(await stateOf()).toBe('RUNNING')
})

test('an order that alone never leaves does not run in a circle: in the end people look at it', async () => {
  const [blocked = '', ...others] = payees(6)
  let tries = 0
  const rail = scriptedRail({
    pay: (order) => {
      if (order.payee.identifier !== blocked) return Promise.resolve(paidAnswer(order))
      tries += 1
      return Promise.resolve({ kind: 'unsent', because: 'no readable answer', said: {} })
    },
  })
  start(await openScriptedDriver(db, rail, { settings: { review_after_ms: 1_000 } }))
  const batch = await newBatch(db, payer, [blocked, ...others])
  await until('the others are paid', async () => (await statesOf(db, batch))['PAID'] === 5)
  await until('people must look', async () => (await statesOf(db, batch))['REVIEW'] === 1)
  expect(tries).toBeLessThan(100)
})

const WORKER = fileURLToPath(new URL('../harness/programs/drive.ts', import.meta.url))

test(
  'a worker frozen past its lease wakes up fenced: the outside world has paid every line once',
  { timeout: 60_000 },
  async () => {
    const world = await openWorld({ mojaloop: { latency_ms: { transfer: 60 }, timeout_s: 2 } })
    const settings = JSON.stringify({
      ...quick,
      window_max: 8,
      rate_per_s: 150,
      timeout_ms: 1_000,
      review_after_ms: 60_000,
    })
    const worker = (name: string): ReturnType<typeof spawnNode> =>
      spawnNode(WORKER, { args: [url, String(world.sdk_port), name, settings] })
    const frozen = worker('frozen')
    await frozen.waitForLine(/lease taken/)
    const batch = await newBatch(
      db,
      payer,
      payees(240).map((to, i) => (i % 40 === 7 ? `22890${String(next + i)}000003` : to)),
    )
    const standby = worker('standby')
    await until('some are paid', async () => (await countersOf(db, batch)).completed > 20)
    // Frozen inside a transaction it would keep its locks until the database ends its session (10 s): that works too.
    await until('it is frozen between two transactions', async () => {
      frozen.kill('SIGSTOP')
      const open = await ask(
        url,
        `select from pg_stat_activity
         where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()`,
      )
      if (open.length > 0) frozen.kill('SIGCONT')
      return open.length === 0
    })
    await standby.waitForLine(/lease taken/, 20_000)
    await until('the other one pays', async () => (await countersOf(db, batch)).completed > 120)
    frozen.kill('SIGCONT')
    await frozen.waitForLine(/lease lost/)
    await until('the batch is final', async () => (await countersOf(db, batch)).pending === 0, 15_000)
    await until('nothing is uncertain', async () => (await countersOf(db, batch)).uncertain === 0, 15_000)
    expect(await countersOf(db, batch)).toMatchObject({ completed: 234, failed: 6 })
    const paid = await world.paid()
    expect(paid).toHaveLength(234)
    expect(new Set(paid.map((payment) => payment.party)).size).toBe(234)
    expect((await differencesFrom(db, paid)).filter((wrong) => wrong.startsWith(`line ${batch}:`))).toEqual(
      [],
    )
    expect(await breachesOf(db)).toEqual([])
    for (const one of [frozen, standby]) {
      one.kill()
      await one.exited
    }
    await world.close()
  },
)
