import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { migrate } from '../../src/platform/migrate.ts'
import { startPostgres } from '../../src/platform/postgres/index.ts'

/** What every test file is given: the server, and the database that fresh ones are cloned from. */
export type TestServer = { readonly url: string; readonly template: string }

declare module 'vitest' {
  // Vitest reads the types of `inject` from this interface.
  interface ProvidedContext {
    server: TestServer
  }
}

/** One real server for the whole run: our embedded one in a temporary folder, or TEST_DATABASE_URL. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['TEST_DATABASE_URL']
  const server = given === undefined ? await startOwn() : { url: given, stop: async () => undefined }
  const template = `cauri_template_${randomBytes(6).toString('hex')}`
  try {
    await onServer(server.url, `create database ${template}`)
    await migrate(databaseUrl(server.url, template))
  } catch (error) {
    await dropAll(server.url, template)
    await server.stop()
    throw error
  }
  project.provide('server', { url: server.url, template })
  return async () => {
    if (given !== undefined) await dropAll(server.url, template)
    await server.stop()
  }
}

/** The same server, another database. */
export function databaseUrl(url: string, database: string): string {
  const other = new URL(url)
  other.pathname = `/${database}`
  return other.href
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

/** Clones are named after their template: one that its own file could not drop goes here. */
async function dropAll(url: string, template: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ datname: string }>(
    `select datname from pg_database where starts_with(datname, $1)`,
    [template],
  )
  for (const { datname } of rows) await client.query(`drop database if exists ${datname} with (force)`)
  await client.end()
}

const PREFIX = 'cauri-tests-'
/** Durability is what production and the postgres tests have; these databases live for one run. */
const FORGETFUL = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }

async function startOwn(): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  clearAbandoned()
  const home = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`))
  chmodSync(home, 0o711)
  const onExit = (): void => removeHome(home)
  process.once('exit', onExit) // interrupted before the teardown
  const postgres = await startPostgres({ home, settings: FORGETFUL })
  return {
    url: postgres.url,
    stop: async () => {
      await postgres.stop()
      process.off('exit', onExit)
      removeHome(home)
    },
  }
}

/** Kills the server of a run that is over, by its own number, and removes its folder. Without waiting on promises: it also runs at exit. */
function removeHome(home: string): void {
  const pid = Number(readOr(join(home, 'postgres/data/postmaster.pid')).split('\n')[0])
  const runs = (): boolean => pid > 0 && readOr(`/proc/${pid}/cmdline`).includes(home)
  if (runs()) process.kill(pid, 'SIGQUIT')
  for (let waited_ms = 0; runs() && waited_ms < 5_000; waited_ms += 20) sleep(20)
  rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
}

const sleep = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return '' // no such file: the server is stopped already
  }
}

/** What a run that was killed (-9) left behind: its folder carries its process number. */
function clearAbandoned(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]
    if (pid !== undefined && !isAlive(Number(pid))) removeHome(join(tmpdir(), name))
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
