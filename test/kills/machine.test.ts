import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { upload } from '../../prove/processes/client.ts'
import { csvOf, newList, PAYER } from '../../prove/processes/lists.ts'
import { MAIN, openMembers, QUICK } from '../../prove/processes/members.ts'
import { migrate } from '../../src/platform/migrate.ts'
import { openDb, type Db } from '../../src/platform/db.ts'
import { startPostgres } from '../../src/platform/postgres/index.ts'
import { copyOf, emptyHome, serverPid } from '../harness/home.ts'
import { allPaid } from '../harness/payments.ts'
import { spawnNode, type NodeProcess } from '../harness/process.ts'
import { freePort } from '../harness/seed.ts'
import { expectAllPaid, openSite, untilSettled } from './site.ts'

vi.setConfig({ testTimeout: 90_000 })
const LINES = 1_200

/** A home whose database is made and migrated; the tests copy it. */
let made: string
beforeAll(async () => {
  made = emptyHome()
  const postgres = await startPostgres({ home: made })
  await migrate(postgres.url)
  await postgres.stop()
})

function openOwn(url: string): Db {
  const db = openDb({ url, name: 'cauri test' })
  onTestFinished(() => db.end())
  return db
}

test('PostgreSQL is killed in the middle of a batch: the product goes on when it is back, and nothing is lost', async () => {
  const home = copyOf(made)
  const postgres = await startPostgres({ home })
  onTestFinished(() => postgres.stop())
  const db = openOwn(postgres.url)
  const { api, openWorker, outside, pay } = await openSite(postgres.url, 20, { MOJALOOP_RATE_PER_S: '600' })
  const worker = openWorker()
  await worker.start()
  const bulk_id = await pay(92, LINES)
  for (const settled of [200, 600]) {
    const { paid } = await untilSettled(db, bulk_id, settled)
    expect(paid).toBeLessThan(LINES)
    process.kill(serverPid(home), 'SIGKILL')
  }
  await untilSettled(db, bulk_id, LINES)
  await expectAllPaid(db, outside, bulk_id, 92, LINES)
  expect((await fetch(`${api.base()}/ready`)).status).toBe(200)
  for (const member of [api, worker]) {
    member.running().kill('SIGTERM')
    expect(await member.running().exited).toEqual({ code: 0, signal: null })
  }
})

test('everything in one process is killed and started again on the same home: it finishes, and its ports are free', async () => {
  const home = copyOf(made)
  const ports = { PORT: await freePort(), SDK_PORT: await freePort(), HUB_PORT: await freePort() }
  const simulator = await freePort()
  const numbers = Object.entries({ ...ports, SIMULATOR_PORT: simulator })
  const start = async (): Promise<NodeProcess> => {
    const env = {
      ...openMembers(emptyHome()).clean,
      ...QUICK,
      CAURI_HOME: home,
      LOG_LEVEL: 'warn',
      ...asEnv(numbers),
    }
    const child = spawnNode(MAIN, { env })
    await child.waitForLine(/^ready http/, 30_000)
    return child
  }
  const base = `http://127.0.0.1:${ports.PORT}`
  const outside = { paid: () => allPaid(`http://127.0.0.1:${simulator}`) }
  const slow = async (): Promise<void> => {
    const body = JSON.stringify({ mojaloop: { latency_ms: { transfer: 20 } } })
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`http://127.0.0.1:${simulator}/_sim/settings`, {
      method: 'PUT',
      body,
      headers,
    })
    expect(answer.status).toBe(200)
  }
  let child = await start()
  await slow()
  const db = openOwn(urlIn(home))
  const list = { key: 'list-93', csv: csvOf(newList(93, LINES)), payer_account: PAYER }
  const bulk_id = await upload(() => base, list, 20_000)
  const { paid } = await untilSettled(db, bulk_id, 300)
  expect(paid).toBeLessThan(LINES)
  const server = serverPid(home)
  child.kill('SIGKILL')
  await child.exited
  child = await start()
  expect(serverPid(home)).toBe(server)
  await untilSettled(db, bulk_id, LINES)
  await expectAllPaid(db, outside, bulk_id, 93, LINES)
  child.kill('SIGTERM')
  expect(await child.exited).toEqual({ code: 0, signal: null })
  expect(serverPid(home)).toBe(0)
  for (const [name, port] of numbers) expect(await isFree(port), name).toBe(true)
})

const asEnv = (numbers: readonly (readonly [string, number])[]): Record<string, string> =>
  Object.fromEntries(numbers.map(([name, port]) => [name, String(port)]))

/** The address of a home's running server, from the two files in which it is kept. */
function urlIn(home: string): string {
  const port = readFileSync(join(home, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[3]
  const password = readFileSync(join(home, 'postgres/password'), 'utf8').trim()
  return `postgres://cauri:${password}@127.0.0.1:${port}/cauri`
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
