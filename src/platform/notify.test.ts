import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../test/harness/database.ts'
import { until } from '../../test/harness/wait.ts'
import { openDb, sql, type Db } from './db.ts'
import { openLog } from './log.ts'
import { openNotifications, type Notifications } from './notify.ts'

let base: FreshDatabase
let owner: Db
let news: Notifications
beforeAll(async () => {
  base = await freshDatabase()
  owner = openDb({ url: base.ownerUrl, max: 2 })
  news = await openNotifications(base.url, ['bulk', 'Odd "name"'], openLog('silent'))
})
afterAll(async () => {
  await news.close()
  await owner.end()
})

const listeners = (): Promise<{ pid: number }[]> =>
  owner.many(sql`
    select pid from pg_stat_activity
    where application_name = 'cauri notifications' and datname = current_database()`)

test('a payload reaches the handlers of its channel, whatever its name', async () => {
  const heard: string[] = []
  news.on('bulk', (payload) => heard.push(`bulk ${payload}`))
  news.on('Odd "name"', (payload) => heard.push(`odd ${payload}`))
  await base.db.run(
    sql`select pg_notify('bulk', '17'), pg_notify('Odd "name"', 'x'), pg_notify('other', 'y')`,
  )
  await until('both are heard', async () => heard.length === 2)
  expect(heard.toSorted()).toEqual(['bulk 17', 'odd x'])
})

test('a connection that is killed comes back, tells so, and hears again', async () => {
  const heard: string[] = []
  let back = 0
  news.on('bulk', (payload) => heard.push(payload))
  news.onReconnect(() => void back++)
  const [old] = await listeners()
  await owner.run(sql`select pg_terminate_backend(${old?.pid})`)
  await until('the reconnect', async () => back === 1)
  await base.db.run(sql`select pg_notify('bulk', 'after')`)
  await until('the news after it', async () => heard.includes('after'))
  expect(await listeners()).toHaveLength(1)
})

test('a channel that was not named is a bug; a database that is not there rejects', async () => {
  expect(() => news.on('nobody', () => undefined)).toThrow('was not named')
  await expect(openNotifications('postgres://127.0.0.1:1/x', ['a'], openLog('silent'))).rejects.toThrow(
    'ECONNREFUSED',
  )
})

test('closing leaves no connection behind, even in the middle of a reconnect', async () => {
  const other = await openNotifications(base.url, ['bulk'], openLog('silent'))
  expect(await listeners()).toHaveLength(2)
  await owner.run(sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'cauri notifications' and datname = current_database()`)
  await other.close()
  await pause(50)
  await until('only the first is left', async () => (await listeners()).length === 1)
})
