import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { freemem, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startPostgres } from '../../src/platform/postgres/index.ts'
import { dropAll, FORGETFUL, makeTemplate, type CloneSource } from './clones.ts'

declare module 'vitest' {
  // Vitest reads the types of `inject` from this interface.
  interface ProvidedContext {
    /** What every test file is given. */
    server: CloneSource
  }
}

/**
 * One real server for the whole run: our embedded one in a temporary folder, or TEST_DATABASE_URL. And one place where
 * every process of the run, the workers' and those that tests start, finds what another one has compiled: a start costs half.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  process.env['NODE_COMPILE_CACHE'] ??= join(tmpdir(), 'node-compile-cache')
  const given = process.env['TEST_DATABASE_URL']
  const server = given === undefined ? await startOwn() : { url: given, stop: async () => undefined }
  const source = await makeTemplate(server.url, 'cauri_template').catch(async (error: unknown) => {
    await server.stop()
    throw error
  })
  project.provide('server', source)
  return async () => {
    if (given !== undefined) await dropAll(source)
    await server.stop()
  }
}

const PREFIX = 'cauri-tests-'
const MEMORY = '/dev/shm'
const ENOUGH = 4 * 2 ** 30

/** A cloned database is hundreds of files, which a disk makes and drops ten times as slowly as memory. The server's programs may lie there too. */
function hasMemory(): boolean {
  const mount = readOr('/proc/mounts')
    .split('\n')
    .find((line) => line.startsWith(`tmpfs ${MEMORY} `))
  if (mount === undefined || /\bnoexec\b/.test(mount)) return false
  const { bavail, bsize } = statfsSync(MEMORY)
  return Math.min(bavail * bsize, freemem()) > ENOUGH
}

async function startOwn(): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  clearAbandoned()
  const home = mkdtempSync(join(hasMemory() ? MEMORY : tmpdir(), `${PREFIX}${process.pid}-`))
  chmodSync(home, 0o711)
  const onExit = (): void => removeHome(home)
  process.once('exit', onExit) // interrupted before the teardown
  const postgres = await startPostgres({ home, settings: { ...FORGETFUL, max_wal_size: '512MB' } })
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
  for (const folder of [tmpdir(), ...(existsSync(MEMORY) ? [MEMORY] : [])])
    for (const name of readdirSync(folder)) {
      const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]
      if (pid !== undefined && !isAlive(Number(pid))) removeHome(join(folder, name))
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
