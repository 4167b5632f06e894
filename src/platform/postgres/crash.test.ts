import { spawn } from 'node:child_process'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { readiness, startElsewhere } from '../../../test/harness/elsewhere.ts'
import { ask, copyOf, dataOf, emptyHome, serverPid } from '../../../test/harness/home.ts'
import { until } from '../../../test/harness/wait.ts'
import { startPostgres } from './index.ts'

vi.setConfig({ testTimeout: 60_000 }) // initdb takes one second on an idle machine, many on a busy one

/** A stopped server with one row in it, which the tests copy. */
let made: string
beforeAll(async () => {
  made = emptyHome()
  const postgres = await startPostgres({ home: made })
  await ask(postgres.url, 'create table kept as select 42 as answer')
  await postgres.stop()
})

const kept = (url: string): Promise<unknown> => ask(url, 'select answer from kept')

test('the server outlives a parent that is killed, and the next start attaches to it', async () => {
  const home = copyOf(made)
  const parent = startElsewhere(home)
  const { url } = await readiness(parent)
  await ask(url, 'update kept set answer = 44')
  const pid = serverPid(home)
  parent.kill('SIGKILL')
  await parent.exited
  const postgres = await startPostgres({ home })
  expect(postgres).toMatchObject({ attached: true, url })
  expect(serverPid(home)).toBe(pid)
  expect(await kept(url)).toEqual([{ answer: 44 }])
  await postgres.stop()
})

test('after its parent and itself were killed, the server recovers every commit', async () => {
  const home = copyOf(made)
  const parent = startElsewhere(home)
  const { url } = await readiness(parent)
  parent.kill('SIGKILL')
  await parent.exited
  await ask(url, 'update kept set answer = 45')
  process.kill(serverPid(home), 'SIGKILL')
  const postgres = await startPostgres({ home })
  expect(postgres.attached).toBe(false)
  expect(await kept(postgres.url)).toEqual([{ answer: 45 }])
  await postgres.stop()
})

test('a server that is killed under an open handle comes back by itself on the same address', async () => {
  const home = copyOf(made)
  const postgres = await startPostgres({ home })
  await ask(postgres.url, 'update kept set answer = 46')
  const killed = serverPid(home)
  process.kill(killed, 'SIGKILL')
  const answer = await until('the server answers again', () => kept(postgres.url).catch(() => undefined))
  expect(answer).toEqual([{ answer: 46 }])
  expect(serverPid(home)).not.toBe(killed)
  await postgres.stop()
  expect(serverPid(home)).toBe(0)
})

test('a first start that is killed half way leaves nothing that the next one minds', async () => {
  const home = emptyHome()
  const first = startElsewhere(home)
  const unfinished = (): string[] =>
    readdirSync(join(home, 'postgres')).filter((name) => name.startsWith('data'))
  await until('initdb is at work', async () => {
    const [folder] = readdirSync(home).includes('postgres') ? unfinished() : []
    return folder !== undefined && readdirSync(join(home, 'postgres', folder, 'data')).includes('base')
  })
  first.kill('SIGKILL')
  await first.exited
  expect(unfinished()).not.toContain('data')
  const postgres = await startPostgres({ home })
  expect(await ask(postgres.url, 'select 1 as one')).toEqual([{ one: 1 }])
  expect(unfinished()).toEqual(['data'])
  await postgres.stop()
})

test('a postmaster.pid whose number another program of the same user has taken does not stop the start', async () => {
  const home = copyOf(made)
  const { uid, gid } = statSync(dataOf(home))
  const other = spawn('sleep', ['60'], { uid, gid, stdio: 'ignore' })
  onTestFinished(() => void other.kill('SIGKILL'))
  const stale = `${other.pid}\n${dataOf(home)}\n1700000000\n5999\n\n127.0.0.1\n`
  writeFileSync(join(dataOf(home), 'postmaster.pid'), stale)
  const postgres = await startPostgres({ home })
  expect(await kept(postgres.url)).toEqual([{ answer: 42 }])
  expect(other.exitCode).toBeNull()
  await postgres.stop()
})
