import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase } from '../../test/harness/database.ts'
import { until } from '../../test/harness/wait.ts'
import type { Db } from './db.ts'
import { openJobs, type Jobs } from './jobs.ts'
import { openLog } from './log.ts'

type Queue = 'mail' | 'flaky' | 'doomed' | 'many' | 'slow'
const log = openLog('silent')
const queues = {
  mail: {},
  flaky: { retries: 3, retry_delay_s: 1 },
  doomed: { retries: 0 },
  many: {},
  slow: {},
} as const
let db: Db
let url: string
let jobs: Jobs<Queue>
beforeAll(async () => {
  const base = await freshDatabase()
  db = base.db // the application's role, not the owner
  url = base.url
  jobs = await openJobs<Queue>(url, queues, log)
})
afterAll(() => jobs.stop())

test('a job exists exactly when the transaction that sent it does', async () => {
  const done: number[] = []
  await jobs.work<{ n: number }>('mail', async ({ data }) => void done.push(data.n))
  const lost = db.tx(async (tx) => {
    await jobs.send(tx, 'mail', { n: 1 })
    throw new Error('rolled back')
  })
  await expect(lost).rejects.toThrow('rolled back')
  expect(await db.tx((tx) => jobs.send(tx, 'mail', { n: 2 }))).toMatch(/^[0-9a-f-]{36}$/)
  await until('the second is done', async () => done.length > 0)
  expect(done).toEqual([2])
})

test('a job that fails is tried again with its count', async () => {
  const tries: number[] = []
  await jobs.work(
    'flaky',
    async (job) => {
      tries.push(job.tries)
      if (job.tries === 0) throw new Error('not yet')
    },
    { poll_s: 0.5 },
  )
  await db.tx((tx) => jobs.send(tx, 'flaky', {}))
  await until('the second try', async () => tries.length === 2, 15_000)
  expect(tries).toEqual([0, 1])
})

test('a job without tries left is dead: listed with its error, and can be sent again', async () => {
  let well = false
  let ran = 0
  await jobs.work(
    'doomed',
    async () => {
      if (!well) throw new Error('the printer burns')
      ran++
    },
    { poll_s: 0.5 }, // nobody wakes it for a job that is sent again
  )
  await db.tx((tx) => jobs.send(tx, 'doomed', { page: 9 }))
  const [dead] = await until('it is dead', async () => {
    const list = await jobs.listDead()
    return list.length > 0 && list
  })
  expect(dead).toMatchObject({
    queue: 'doomed',
    data: { page: 9 },
    tries: 1,
    error: { message: 'the printer burns' },
  })
  well = true
  expect(await jobs.retry(dead?.id ?? '')).toBe(true)
  await until('it ran', async () => ran === 1)
  expect(await jobs.listDead()).toEqual([])
  expect(await jobs.retry(dead?.id ?? '')).toBe(false)
})

test('one bad job in a full batch does not take the others with it, and a backlog needs no polling', async () => {
  await db.tx(async (tx) => {
    for (let n = 0; n < 55; n++) await jobs.send(tx, 'many', { n })
  })
  const done = new Set<number>()
  await jobs.work<{ n: number }>(
    'many',
    async ({ data }) => {
      if (data.n === 13) throw new Error('unlucky')
      done.add(data.n)
    },
    { poll_s: 300 },
  )
  await until('all others are done', async () => done.size === 54)
})

test('a singleton key keeps a second waiting job out', async () => {
  const later = new Date(Date.now() + 3_600_000)
  const options = { singleton_key: 'one', singleton_s: 3_600, start_after: later }
  const [first, second] = await db.tx(async (tx) => [
    await jobs.send(tx, 'slow', {}, options),
    await jobs.send(tx, 'slow', {}, options),
  ])
  expect(first).not.toBeNull()
  expect(second).toBeNull()
})

test('stopping waits for the handler that runs, and a second instance may start on the same schema', async () => {
  const other = await openJobs<Queue>(url, queues, log)
  let begun = false
  let finished = false
  await other.work('slow', async () => {
    begun = true
    await new Promise((resolve) => setTimeout(resolve, 300))
    finished = true
  })
  await db.tx((tx) => jobs.send(tx, 'slow', {}))
  await until('the handler runs', async () => begun)
  await other.stop()
  expect(finished).toBe(true)
})

test('a cron expression is accepted, a wrong one refused', async () => {
  await jobs.schedule('mail', '*/5 * * * *', { n: 5 })
  await expect(jobs.schedule('mail', 'every day')).rejects.toThrow('Validation error')
})

test('many processes that start at once on one database all start', async () => {
  const fresh = await freshDatabase()
  const opened = await Promise.all(Array.from({ length: 6 }, () => openJobs<Queue>(fresh.url, queues, log)))
  expect(opened).toHaveLength(6)
  await Promise.all(opened.map((each) => each.stop()))
})
