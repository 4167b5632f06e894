import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Answer, Order, PayoutRail } from '../../src/connectors/index.ts'
import {
  cancelBatch,
  confirmReview,
  copyFailedLines,
  findAccount,
  hint,
  holdConnections,
  listReviews,
  nextBatchId,
  pauseBatch,
  proposeReview,
  resumeConnection,
  type Driver,
} from '../../src/payments/index.ts'
import { sql, type Db } from '../../src/platform/db.ts'
import { Refusal } from '../../src/platform/errors.ts'
import { openLog } from '../../src/platform/log.ts'
import { freshDatabase } from '../harness/database.ts'
import {
  countersOf,
  newBatch,
  noNews,
  openPayer,
  openScriptedDriver,
  openTestDriver,
  openWorld,
  paidAnswer,
  scriptedRail,
  type Payer,
  type TestDriverOptions,
} from '../harness/payments.ts'
import { until } from '../harness/wait.ts'
import { breachesOf, differencesFrom, statesOf } from '../invariants/payments.ts'

const OPENING = 1_000_000n
let db: Db
let payer: Payer
const drivers: Driver[] = []
beforeEach(async () => {
  db = (await freshDatabase()).db
  payer = await openPayer(db, 'ACC-CONTROL', OPENING)
})
afterEach(async () => {
  for (const driver of drivers.splice(0)) await driver.stop(2_000)
})

const scripted = async (
  script: Partial<Pick<PayoutRail, 'probe' | 'pay' | 'confirm' | 'find'>>,
  options: Omit<TestDriverOptions, 'mode'> = {},
): Promise<Driver> => {
  const driver = await openScriptedDriver(db, scriptedRail(script), options)
  drivers.push(driver)
  driver.start()
  return driver
}
const plain = (i: number): string => `22890${610_000 + i}`
const many = (n: number, from = 0): string[] => Array.from({ length: n }, (_, i) => plain(from + i))
const becomes = (batch: bigint, states: Record<string, number>): Promise<boolean> =>
  until(`${JSON.stringify(states)} in batch ${batch}`, async () => {
    const now = await statesOf(db, batch)
    return Object.entries(states).every(([state, n]) => now[state] === n)
  })
const balance = (): Promise<{ available: bigint; reserved: bigint }> =>
  findAccount(db, payer.organization_id, payer.account_id)
const connection = (): Promise<{ state: string; stopped_because: string | null; needs_operator: boolean }> =>
  db.one(sql`select state, stopped_because, needs_operator from payments_connections where id = 'mojaloop'`)
const refusal = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'nothing was refused',
    (error: unknown) => {
      if (error instanceof Refusal) return error.code
      throw error
    },
  )

/** A rail on which nothing is answered until the test says so. */
function held(): {
  readonly pay: PayoutRail['pay']
  readonly calls: Order[]
  readonly answer: (say: (order: Order) => Answer) => void
} {
  const calls: Order[] = []
  let waiting: { order: Order; tell: (answer: Answer) => void }[] = []
  return {
    calls,
    pay: (order) => {
      calls.push(order)
      return new Promise((tell) => waiting.push({ order, tell }))
    },
    answer: (say) => {
      for (const { order, tell } of waiting) tell(say(order))
      waiting = []
    },
  }
}

test('the same payee twenty times in a batch: one at a time, and all of them', async () => {
  const inside = new Set<string>()
  let together = 0
  await scripted({
    pay: async (order) => {
      const { identifier } = order.payee
      if (inside.has(identifier)) together += 1
      inside.add(identifier)
      await new Promise((resolve) => setTimeout(resolve, 5))
      inside.delete(identifier)
      return paidAnswer(order)
    },
  })
  const batch = await newBatch(db, payer, [...Array.from({ length: 20 }, () => plain(1)), ...many(20, 2)])
  const other = await newBatch(
    db,
    payer,
    Array.from({ length: 20 }, () => plain(1)),
  )
  await becomes(batch, { PAID: 40 })
  await becomes(other, { PAID: 20 })
  expect(together).toBe(0)
})

test('an adapter that is wedged for good by two calls at once for one payee is not wedged', async () => {
  const world = await openWorld({ mojaloop: { wedge: true, timeout_s: 0.3, latency_ms: { party: 5 } } })
  drivers.push(await openTestDriver(db, world))
  const batch = await newBatch(
    db,
    payer,
    Array.from({ length: 20 }, () => plain(1)),
  )
  await becomes(batch, { PAID: 20 })
  expect(await world.paid()).toHaveLength(20)
  await drivers.pop()?.stop(2_000)
  await world.close()
})

test('two batches take turns: the small one does not wait for the end of the large one', async () => {
  const order: string[] = []
  await db.run(sql`insert into payments_connections (id, rail) values ('mojaloop', 'mojaloop')`)
  const large = await newBatch(db, payer, many(400))
  const small = await newBatch(db, payer, many(5, 1_000))
  await scripted(
    {
      pay: (one) => {
        order.push(one.payee.identifier)
        return Promise.resolve(paidAnswer(one))
      },
    },
    { settings: { window_max: 4 } },
  )
  await becomes(large, { PAID: 400 })
  await becomes(small, { PAID: 5 })
  // A claim takes 64 lines: the second one is the small batch's.
  for (const payee of many(5, 1_000)) expect(order.indexOf(payee)).toBeLessThan(64 + 32)
})

test('a batch that somebody holds, cancelling a million lines, does not keep the others waiting', async () => {
  await db.run(sql`insert into payments_connections (id, rail) values ('mojaloop', 'mojaloop')`)
  const [busy, other] = [await newBatch(db, payer, many(5)), await newBatch(db, payer, many(5, 10))]
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  let isHeld = false
  const holding = db.tx(async (tx) => {
    await tx.run(sql`select from payments_batches where id = ${busy} for no key update`)
    isHeld = true
    await released
  })
  await until('it is held', async () => isHeld)
  await scripted({})
  await becomes(other, { PAID: 5 }).finally(release)
  await holding
  await becomes(busy, { PAID: 5 })
})

test('cancel in the middle: the sums return at once, what is under way ends by its own outcome, nothing is sent again', async () => {
  const rail = held()
  const asked: string[] = []
  await scripted(
    {
      pay: rail.pay,
      find: (order) => {
        asked.push(order.reference)
        return Promise.resolve({ kind: 'not-found', said: {} })
      },
    },
    { settings: { window_max: 4 } },
  )
  const batch = await newBatch(db, payer, many(100), 7n)
  await until('four are under way', async () => rail.calls.length === 4)
  const n = await db.tx((tx) => cancelBatch(tx, batch, noNews))
  // 64 lines were claimed; 36 were not.
  expect(n).toBe(36)
  expect(await balance()).toMatchObject({ available: OPENING - 64n * 107n, reserved: 64n * 107n })
  const answers: ((order: Order) => Answer)[] = [
    paidAnswer,
    () => ({ kind: 'refused', reason: 'PAYEE_NOT_FOUND', retryable: false, said: {} }),
    () => ({ kind: 'refused', reason: 'RAIL_BUSY', retryable: true, said: {} }),
    () => ({ kind: 'unknown', because: 'time-out', said: {} }),
  ]
  let nth = 0
  rail.answer((order) => answers[nth++ % 4]?.(order) ?? paidAnswer(order))
  await until('the others follow', async () => {
    rail.answer(paidAnswer)
    return (await countersOf(db, batch)).pending === 0
  })
  await becomes(batch, { REVIEW: 1 })
  expect(await statesOf(db, batch)).toEqual({ CANCELLED: 36, PAID: 61, FAILED: 2, REVIEW: 1 })
  expect(rail.calls).toHaveLength(64)
  expect(asked.length).toBeGreaterThan(1)
  expect(await balance()).toMatchObject({ available: OPENING - 61n * 100n - 107n, reserved: 107n })
  expect(await refusal(db.tx((tx) => cancelBatch(tx, batch, noNews)))).toBe('BULK_NOTHING_TO_CANCEL')
  expect(await breachesOf(db)).toEqual([])
})

test('a retry that waits is cancelled; one that came back unsent after the cancelling is not tried again', async () => {
  let refuse = true
  const calls: string[] = []
  await scripted(
    {
      pay: (order) => {
        calls.push(order.payee.identifier)
        return Promise.resolve(
          refuse ? { kind: 'refused', reason: 'RAIL_BUSY', retryable: true, said: {} } : paidAnswer(order),
        )
      },
    },
    { settings: { retry_delays_ms: [600, 600] } },
  )
  const batch = await newBatch(db, payer, many(2))
  await becomes(batch, { RETRY: 2 })
  refuse = false
  // As a worker leaves it that took the new attempt up and gave it back unsent, around the cancelling.
  await db.run(sql`update payments_pursuits set state = 'SENDING' where batch_id = ${batch} and seq = 2`)
  expect(await db.tx((tx) => cancelBatch(tx, batch, noNews))).toBe(1)
  await db.run(sql`update payments_pursuits set state = 'RETRY' where batch_id = ${batch} and seq = 2`)
  await becomes(batch, { CANCELLED: 1, FAILED: 1 })
  expect(calls).toHaveLength(2)
  expect(await countersOf(db, batch)).toMatchObject({ state: 'FAILED', cancelled: 1, failed: 1 })
  expect(await balance()).toMatchObject({ available: OPENING, reserved: 0n })
  expect(await breachesOf(db)).toEqual([])
})

test('a pause takes hold at once and frees what was not sent; resumed, all of it is paid once', async () => {
  const rail = held()
  await scripted({ pay: rail.pay }, { settings: { window_max: 4 } })
  const batch = await newBatch(db, payer, many(200))
  await until('four are under way', async () => rail.calls.length === 4)
  await db.tx((tx) => pauseBatch(tx, batch, true, 'lunch'))
  await until('the rest is free', async () => {
    const { n } = await db.one<{ n: bigint }>(sql`
      select count(*) as n from payments_public_lines where batch_id = ${batch} and status = 'PENDING'`)
    return n === 196n
  })
  rail.answer(paidAnswer)
  await becomes(batch, { PAID: 4 })
  expect(rail.calls).toHaveLength(4)
  expect(
    await db.one(sql`select paused, pause_reason, state from payments_public_batches where id = ${batch}`),
  ).toEqual({ paused: true, pause_reason: 'lunch', state: 'PROCESSING' })
  await db.tx((tx) => pauseBatch(tx, batch, false, null))
  await until('all are paid', async () => {
    rail.answer(paidAnswer)
    return (await countersOf(db, batch)).completed === 200
  })
  expect(new Set(rail.calls.map((order) => order.reference)).size).toBe(200)
  expect(rail.calls).toHaveLength(200)
  expect(await breachesOf(db)).toEqual([])
})

test('a rail that refuses us (401) stops the connection, and it goes on by itself with the same order', async () => {
  const world = await openWorld({ mojaloop: { timeout_s: 0.3 } })
  drivers.push(await openTestDriver(db, world))
  await world.control('POST', '/_sim/faults', { kind: 'wrong_subscription_or_ip', times: 3 })
  const batch = await newBatch(db, payer, many(10))
  await until('the connection is stopped', async () => (await connection()).state === 'STOPPED')
  expect((await connection()).stopped_because).toContain('401')
  expect((await statesOf(db, batch))['FAILED']).toBeUndefined()
  await becomes(batch, { PAID: 10 })
  expect(await connection()).toMatchObject({ state: 'RUNNING', stopped_because: null })
  const attempts = await db.one(
    sql`select max(attempt) as attempt from payments_lines where batch_id = ${batch}`,
  )
  expect(attempts).toEqual({ attempt: 1 })
  expect(await differencesFrom(db, await world.paid())).toEqual([])
  // A batch that is final is not called paused because its connection stops later.
  await db.tx((tx) => holdConnections(tx, 'a test'))
  expect(
    await db.one(sql`select paused, pause_reason from payments_public_batches where id = ${batch}`),
  ).toEqual({
    paused: false,
    pause_reason: null,
  })
  await drivers.pop()?.stop(2_000)
  await world.close()
})

test('no liquidity at the rail (4001) stops the connection; the reference that it refused gets a new attempt', async () => {
  const world = await openWorld({ mojaloop: { timeout_s: 0.3 } })
  drivers.push(await openTestDriver(db, world))
  await world.control('POST', '/_sim/faults', { kind: 'insufficient_float', suffix: plain(3), times: 1 })
  const batch = await newBatch(db, payer, many(10))
  await until('the connection is stopped', async () => (await connection()).state === 'STOPPED')
  expect((await connection()).stopped_because).toContain('4001')
  await becomes(batch, { PAID: 10 })
  expect(
    await db.one(
      sql`select attempt from payments_lines where batch_id = ${batch} and party_identifier = ${plain(3)}`,
    ),
  ).toEqual({ attempt: 2 })
  expect(await differencesFrom(db, await world.paid())).toEqual([])
  expect(await breachesOf(db)).toEqual([])
  await drivers.pop()?.stop(2_000)
  await world.close()
})

test('what a failed check has stopped, only an operator lets go on', async () => {
  const rail = held()
  await scripted({ pay: rail.pay }, { settings: { stop_ms: 50 } })
  await db.tx((tx) => holdConnections(tx, 'the books do not add up'))
  const batch = await newBatch(db, payer, many(3))
  await new Promise((resolve) => setTimeout(resolve, 700))
  expect(rail.calls).toEqual([])
  expect(await connection()).toMatchObject({ state: 'STOPPED', needs_operator: true })
  await db.tx((tx) => resumeConnection(tx, 'mojaloop', true))
  await until('all are paid', async () => {
    rail.answer(paidAnswer)
    return (await countersOf(db, batch)).completed === 3
  })
})

test('an operator’s word ends the rest of a stopped connection early, and one line tries first', async () => {
  const rail = held()
  await scripted({ pay: rail.pay }, { settings: { stop_ms: 60_000 } })
  const batch = await newBatch(db, payer, many(6))
  await until('they are under way', async () => rail.calls.length === 6)
  rail.answer(() => ({ kind: 'stop', because: 'the rail answers 403', said: {} }))
  await until('it is stopped', async () => (await connection()).state === 'STOPPED')
  await db.tx((tx) => resumeConnection(tx, 'mojaloop', true))
  await until('one line tries', async () => rail.calls.length > 6)
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(rail.calls).toHaveLength(7)
  await until('all are paid', async () => {
    rail.answer(paidAnswer)
    return (await countersOf(db, batch)).completed === 6
  })
  expect(new Set(rail.calls.map((order) => order.reference)).size).toBe(6)
})

test('a rail that is away is left alone: the breaker opens, one line tries, and nothing fails', async () => {
  let away = true
  let tries = 0
  await scripted({
    pay: (order) => {
      tries += 1
      return Promise.resolve(away ? { kind: 'unsent', because: 'ECONNREFUSED', said: {} } : paidAnswer(order))
    },
  })
  const batch = await newBatch(db, payer, many(200))
  await until('it has tried', async () => tries > 5)
  await new Promise((resolve) => setTimeout(resolve, 900))
  // A first window of 16, then one line for each rest of 200 ms.
  expect(tries).toBeLessThan(30)
  expect(await countersOf(db, batch)).toMatchObject({ pending: 200, failed: 0, uncertain: 0 })
  away = false
  await becomes(batch, { PAID: 200 })
})

test('a limit of calls per second is kept', async () => {
  const times: number[] = []
  await scripted(
    {
      pay: (order) => {
        times.push(performance.now())
        return Promise.resolve(paidAnswer(order))
      },
    },
    { settings: { rate_per_s: 100 } },
  )
  const batch = await newBatch(db, payer, many(60))
  await becomes(batch, { PAID: 60 })
  for (let i = 30; i < times.length; i++)
    expect((times[i] ?? 0) - (times[i - 30] ?? 0)).toBeGreaterThan(30 * 10 - 35)
})

test('paid late: a line that had failed is booked as a loss, somebody is called, and a retry leaves it out', async () => {
  const lines: string[] = []
  const rail = held()
  await scripted({ pay: rail.pay }, { log: openLog('error', { write: (line) => void lines.push(line) }) })
  const batch = await newBatch(db, payer, many(2))
  await until('both are under way', async () => rail.calls.length === 2)
  await db.run(sql`
    update payments_connections set token = token + 1, worker = 'another', lease_until = clock_timestamp() + '2 seconds'`)
  // The other worker is told that both are refused; then the first one's payment arrives.
  await db.tx(async (tx) => {
    await tx.run(sql`
      update payments_lines set state = 'FAILED', account_id = null, completed_at = now(), error_code = 'RAIL_ERROR'
      where batch_id = ${batch}`)
    await tx.run(sql`update payments_batches set failed = 2, finished_at = now() where id = ${batch}`)
  })
  let nth = 0
  rail.answer((order) =>
    nth++ === 0 ? paidAnswer(order) : { kind: 'refused', reason: 'RAIL_ERROR', retryable: false, said: {} },
  )
  await until('somebody is called', async () => lines.some((line) => line.includes('paid after all')))
  const codes = await db.many(sql`
    select status, error_code from payments_public_lines where batch_id = ${batch} order by error_code`)
  expect(codes).toEqual([
    { status: 'FAILED', error_code: 'PAID_LATE' },
    { status: 'FAILED', error_code: 'RAIL_ERROR' },
  ])
  const copied = await db.tx(async (tx) => {
    const account = await findAccount(tx, payer.organization_id, payer.account_id)
    return copyFailedLines(tx, batch, await nextBatchId(tx), account, null)
  })
  expect(copied).toEqual({ total: 1, total_amount: 100n })
})

test('a refusal after a resend counts only when the rail says once more that it has nothing', async () => {
  const [delayed = '', lost = ''] = many(2)
  const sent = new Map<string, string[]>()
  const sendings = (order: Order): string[] => sent.get(order.payee.identifier) ?? []
  await scripted({
    pay: (order) => {
      sent.set(order.payee.identifier, [...sendings(order), order.reference])
      return Promise.resolve<Answer>(
        sendings(order).length === 1
          ? { kind: 'unknown', because: 'time-out', said: {} }
          : { kind: 'refused', reason: 'RAIL_BUSY', retryable: true, said: {} },
      )
    },
    // The first sending of one of them was still on its way when the second was refused.
    find: (order) =>
      Promise.resolve(
        order.payee.identifier === delayed && sendings(order).length > 1
          ? paidAnswer(order)
          : { kind: 'not-found', said: {} },
      ),
  })
  const batch = await newBatch(db, payer, [delayed, lost])
  await becomes(batch, { PAID: 1, FAILED: 1 })
  for (const references of [sent.get(delayed), sent.get(lost)]) {
    expect(references).toHaveLength(2)
    expect(new Set(references).size).toBe(1)
  }
  expect(
    await db.many(
      sql`select seq, state, attempt, error_code from payments_lines where batch_id = ${batch} order by seq`,
    ),
  ).toEqual([
    { seq: 1, state: 'PAID', attempt: 1, error_code: null },
    { seq: 2, state: 'FAILED', attempt: 1, error_code: 'RAIL_BUSY' },
  ])
  expect(await breachesOf(db)).toEqual([])
})

/** A batch of n lines in REVIEW. */
async function inReview(n: number): Promise<bigint> {
  await scripted({ pay: () => Promise.resolve({ kind: 'mismatch', because: 'another amount', said: {} }) })
  const batch = await newBatch(db, payer, many(n))
  await becomes(batch, { REVIEW: n })
  return batch
}

test('two people close what the rail left open, one way or the other; one person alone cannot', async () => {
  const batch = await inReview(2)
  const evidence = { evidence_name: 'statement.pdf', evidence: Buffer.from('%PDF') }
  const line = (seq: number): { batch_id: bigint; seq: number } => ({ batch_id: batch, seq })
  const confirm = (seq: number, by: string): Promise<string> =>
    db.tx((tx) => confirmReview(tx, line(seq), by, noNews))
  expect(await refusal(confirm(1, 'Koffi'))).toBe('REVIEW_WRONG_STATE')
  await db.tx((tx) => proposeReview(tx, { ...line(1), ...evidence, outcome: 'PAID', by: 'Ama' }))
  await db.tx((tx) => proposeReview(tx, { ...line(2), ...evidence, outcome: 'REFUSED', by: 'Ama' }))
  expect(await refusal(confirm(1, ' ama '))).toBe('REVIEW_SAME_PERSON')
  expect(await statesOf(db, batch)).toEqual({ REVIEW: 2 })
  expect(await listReviews(db, batch, null, 10)).toHaveLength(2)
  const both = await Promise.allSettled([confirm(1, 'Koffi'), confirm(1, 'Yao')])
  expect(both.map((one) => one.status).toSorted()).toEqual(['fulfilled', 'rejected'])
  expect(await confirm(2, 'Koffi')).toBe('REFUSED')
  expect(await statesOf(db, batch)).toEqual({ PAID: 1, FAILED: 1 })
  expect(await balance()).toMatchObject({ available: OPENING - 100n, reserved: 0n })
  expect(await countersOf(db, batch)).toMatchObject({ state: 'PARTIALLY_COMPLETED' })
  expect(await refusal(confirm(2, 'Yao'))).toBe('REVIEW_NOT_FOUND')
  expect(await breachesOf(db)).toEqual([])
})

test('a notification brings forward the question about an uncertain line, once per half minute, and touches no other', async () => {
  const [uncertain = '', retried = ''] = many(2)
  let asked = 0
  await scripted(
    {
      pay: (order) =>
        Promise.resolve<Answer>(
          order.payee.identifier === uncertain
            ? { kind: 'unknown', because: 'time-out', prepared: true, said: {} }
            : { kind: 'refused', reason: 'RAIL_BUSY', retryable: true, said: {} },
        ),
      find: () => {
        asked += 1
        return Promise.resolve({ kind: 'unknown', because: 'RESERVED', said: {} })
      },
    },
    { settings: { query_delays_ms: [60_000], not_found_after_ms: 60_000, retry_delays_ms: [60_000] } },
  )
  const batch = await newBatch(db, payer, [uncertain, retried])
  await becomes(batch, { UNCERTAIN: 1, RETRY: 1 })
  const due = await db.many<{ seq: number; rail_reference: string; next_at: Date }>(sql`
    select seq, rail_reference, next_at from payments_pursuits where batch_id = ${batch} order by seq`)
  await db.run(sql`update payments_pursuits set rail_reference = 'of-the-retry' where seq = 2`)
  expect(await hint(db, 'of-the-retry')).toEqual({ batch_id: batch, seq: 2 })
  expect(await hint(db, 'nobody knows it')).toBeUndefined()
  const reference = due[0]?.rail_reference ?? ''
  for (let i = 0; i < 5; i++) await hint(db, reference)
  await until('it was asked', async () => asked === 1)
  for (let i = 0; i < 5; i++) await hint(db, reference)
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(asked).toBe(1)
  const [retry] = await db.many(sql`select next_at from payments_pursuits where seq = 2`)
  expect(retry).toEqual({ next_at: due[1]?.next_at })
})
