import { chownSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test, vi } from 'vitest'
import { readiness, START_POSTGRES, startElsewhere } from '../../../test/harness/elsewhere.ts'
import { ask, canRead, copyOf, emptyHome, isRoot, serverPid, userId } from '../../../test/harness/home.ts'
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

test('a restart finds its data on the same port', async () => {
  const home = copyOf(made)
  const first = await startPostgres({ home })
  expect(first.attached).toBe(false)
  await ask(first.url, 'update kept set answer = 43')
  await first.stop()
  expect(serverPid(home)).toBe(0)
  const second = await startPostgres({ home })
  expect(second.url).toBe(first.url)
  expect(await kept(second.url)).toEqual([{ answer: 43 }])
  await second.stop()
  await second.stop()
})

test('the server is durable, checks its pages, sorts text by code point and trusts nobody without a password', async () => {
  const home = copyOf(made)
  const postgres = await startPostgres({ home, settings: { work_mem: '5MB' } })
  const show = async (name: string): Promise<unknown> => (await ask(postgres.url, `show ${name}`))[0]?.[name]
  const expected = {
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    data_checksums: 'on',
    jit: 'off',
    shared_buffers: '256MB',
    max_wal_size: '4GB',
    checkpoint_timeout: '15min',
    deadlock_timeout: '200ms',
    max_connections: '200',
    work_mem: '5MB',
    server_encoding: 'UTF8',
    password_encryption: 'scram-sha-256',
    unix_socket_directories: '',
  }
  const shown = await Promise.all(
    Object.keys(expected).map(async (name) => [name, await show(name)] as const),
  )
  expect(Object.fromEntries(shown)).toEqual(expected)
  const order = await ask(
    postgres.url,
    `select string_agg(x, '' order by x) as x from unnest('{é,z,Z,a}'::text[]) x`,
  )
  expect(order).toEqual([{ x: 'Zazé' }])
  const wrong = new URL(postgres.url)
  wrong.password = 'password'
  await expect(ask(wrong.href, 'select 1')).rejects.toThrow(/password authentication failed/)
  wrong.password = ''
  await expect(ask(wrong.href, 'select 1')).rejects.toThrow(/password/)
  const files = ['password', 'port', 'server.log']
  const modes = files.map((file) => (statSync(join(home, 'postgres', file)).mode & 0o777).toString(8))
  expect(modes).toEqual(['600', '600', '600'])
  expect(readFileSync(`/proc/${serverPid(home)}/cmdline`, 'utf8')).not.toContain(
    new URL(postgres.url).password,
  )
  await postgres.stop()
})

test('the server listens on 127.0.0.1 and nowhere else', async () => {
  const home = copyOf(made)
  const postgres = await startPostgres({ home })
  const outside = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  for (const { address } of outside.filter(
    ({ address, family }) => family === 'IPv4' && address !== '127.0.0.1',
  )) {
    const url = new URL(postgres.url)
    url.hostname = address
    await expect(ask(url.href, 'select 1')).rejects.toThrow(/ECONNREFUSED/)
  }
  const port = Number(new URL(postgres.url).port).toString(16).toUpperCase().padStart(4, '0')
  const listening = ['/proc/net/tcp', '/proc/net/tcp6']
    .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
    .filter((line) => line.includes(`:${port} `) && / 0A /.test(line))
  expect(listening.map((line) => line.trim().split(/\s+/)[1])).toEqual([`0100007F:${port}`])
  await postgres.stop()
})

test('a second process attaches, and the last of the two to leave stops the server', async () => {
  const home = copyOf(made)
  const mine = await startPostgres({ home })
  const other = startElsewhere(home)
  expect(await readiness(other)).toEqual({ how: 'attached', url: mine.url })
  await mine.stop()
  expect(await kept(mine.url)).toEqual([{ answer: 42 }])
  other.kill('SIGTERM')
  await other.waitForLine(/stopped/)
  expect(serverPid(home)).toBe(0)
})

test('of two first starts at once, one makes the server and the other attaches', async () => {
  const home = emptyHome()
  const both = [startElsewhere(home), startElsewhere(home)]
  const answers = await Promise.all(both.map(readiness))
  expect(answers.map(({ how }) => how).toSorted()).toEqual(['attached', 'started'])
  expect(answers[0]?.url).toBe(answers[1]?.url)
  for (const process of both) process.kill('SIGTERM')
  await Promise.all(both.map((process) => process.waitForLine(/stopped/)))
  expect(serverPid(home)).toBe(0)
})

test('when the kept port is taken, another one is used and kept', async () => {
  const home = copyOf(made)
  const taken = createServer().listen(Number(readFileSync(join(home, 'postgres/port'), 'utf8')), '127.0.0.1')
  await until('the port is taken', async () => taken.listening)
  const postgres = await startPostgres({ home })
  expect(await kept(postgres.url)).toEqual([{ answer: 42 }])
  expect(readFileSync(join(home, 'postgres/port'), 'utf8').trim()).toBe(new URL(postgres.url).port)
  await postgres.stop()
  taken.close()
})

test.runIf(isRoot)('started by root, the server runs as another user', async () => {
  const home = copyOf(made)
  const postgres = await startPostgres({ home })
  expect(statSync(`/proc/${serverPid(home)}`).uid).not.toBe(0)
  await postgres.stop()
})

const nobody = userId('nobody')
test.runIf(isRoot && canRead(nobody, START_POSTGRES))(
  'a user’s server stays his in the hands of root',
  async () => {
    const home = emptyHome()
    chownSync(home, nobody.uid, nobody.gid)
    const ordinary = startElsewhere(home, nobody)
    const { url } = await readiness(ordinary)
    const owner = (): number => statSync(`/proc/${serverPid(home)}`).uid
    expect(owner()).toBe(nobody.uid)
    expect(statSync(join(home, 'postgres')).mode & 0o777).toBe(0o700)
    ordinary.kill('SIGKILL')
    await ordinary.exited

    const attached = await startPostgres({ home })
    expect(attached).toMatchObject({ attached: true, url })
    process.kill(serverPid(home), 'SIGKILL')
    await until('the server answers again', () => ask(url, 'select 1').catch(() => undefined))
    expect(owner()).toBe(nobody.uid)
    await attached.stop()

    const again = startElsewhere(home, nobody)
    expect((await readiness(again)).how).toBe('started')
    again.kill('SIGTERM')
    await again.waitForLine(/stopped/)
  },
)
