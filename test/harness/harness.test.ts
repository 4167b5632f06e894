import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, inject, test } from 'vitest'
import { sql } from '../../src/platform/db.ts'
import { freshDatabase } from './database.ts'
import { atEnd, endAll } from './ends.ts'
import { ask } from './home.ts'
import { LONGEST } from './longest.ts'
import { spawnNode } from './process.ts'
import { freePort, seeded } from './seed.ts'
import { until } from './wait.ts'

const folder = mkdtempSync(join(tmpdir(), 'cauri-harness-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('two fresh databases share nothing, are the application’s to use, and are gone when dropped', async () => {
  const [one, two] = [await freshDatabase(), await freshDatabase()]
  const about = (db: typeof one.db): Promise<{ name: string; role: string }> =>
    db.one(sql`select current_database() as name, current_user as role`)
  const [a, b] = [await about(one.db), await about(two.db)]
  expect(a.name).not.toBe(b.name)
  expect(a.role).toBe('cauri_app')
  expect(await ask(one.ownerUrl, 'select current_user as role')).not.toEqual([{ role: 'cauri_app' }])
  await Promise.all([one.drop(), one.drop()])
  const left = await ask(inject('server').url, `select datname from pg_database where datname = '${a.name}'`)
  expect(left).toEqual([])
})

test('waiting gives the answer when it comes, and names what was awaited when it does not', async () => {
  let asked = 0
  expect(await until('the third answer', async () => (++asked === 3 ? 'here' : undefined))).toBe('here')
  await expect(until('a miracle', async () => false, 50)).rejects.toThrow(
    'after 50 ms still waiting: a miracle',
  )
})

test('a spawned program is heard, and an early end is told with its words', async () => {
  const file = join(folder, 'program.ts')
  writeFileSync(file, `const n: string = 'seven'; console.log('got ' + n); console.error(process.env.WORD)`)
  const child = spawnNode(file, { env: { WORD: 'cowry' } })
  expect((await child.waitForLine(/got (\w+)/))[1]).toBe('seven')
  await child.waitForLine(/^cowry$/)
  expect(await child.exited).toEqual({ code: 0, signal: null })
  await expect(child.waitForLine(/never/)).rejects.toThrow(/ended without \/never\/:\ngot seven/)
})

test('a spawned program can be killed', async () => {
  const file = join(folder, 'sleeper.ts')
  writeFileSync(file, `console.log('up'); setInterval(() => undefined, 1000)`)
  const child = spawnNode(file)
  await child.waitForLine(/up/)
  child.kill('SIGKILL')
  expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' })
})

test('one seed and one name give one sequence', () => {
  const given = process.env['TEST_SEED']
  process.env['TEST_SEED'] = '7'
  const [a, b, c] = [seeded('a'), seeded('a'), seeded('c')].map(({ random }) => [
    random(),
    random(),
    random(),
  ])
  if (given === undefined) delete process.env['TEST_SEED']
  else process.env['TEST_SEED'] = given
  expect(a).toEqual(b)
  expect(a).not.toEqual(c)
  for (const x of a ?? []) expect(x >= 0 && x < 1).toBe(true)
})

test('a free port can be listened on', async () => {
  const server = createServer()
  const port = await freePort()
  server.listen(port, '127.0.0.1')
  await until('it listens', async () => server.listening)
  expect(server.address()).toMatchObject({ port, address: '127.0.0.1' })
  server.close()
})

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

test('what a test file opened is closed at its end, the last first, whatever fails on the way', async () => {
  const closed: string[] = []
  atEnd(() => closed.push('first'))
  atEnd(() => Promise.reject(new Error('stuck')))
  atEnd(() => closed.push('last'))
  await expect(endAll()).rejects.toThrow('Error: stuck')
  expect(closed).toEqual(['last', 'first'])
  await endAll()
  expect(closed).toHaveLength(2)
})

test('only test files have hooks of their own: a module that files share would run them for the first file alone', () => {
  const shared = globSync('{src,test,prove,bench,scripts}/**/*.ts', { cwd: ROOT }).filter(
    (file) => !file.endsWith('.test.ts') && !file.endsWith('each-file.ts'),
  )
  const hooks = /^(?:before|after)(?:All|Each)\(/m
  expect(shared.length).toBeGreaterThan(100)
  expect(shared.filter((file) => hooks.test(readFileSync(join(ROOT, file), 'utf8')))).toEqual([])
})

test('the files that begin first are there', () => {
  expect(LONGEST.filter((file) => !existsSync(join(ROOT, file)))).toEqual([])
})
