import { spawn, type ChildProcess } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { sqlState } from '../db.ts'
import { asUser } from './account.ts'
import { cleanEnv, programOf } from './binaries.ts'
import { likeItsFolder, writeDurably, type Cluster, type Place } from './cluster.ts'
import { CannotRun, explain } from './failure.ts'
import { clearStale, isPostmaster, readPostmaster } from './postmaster.ts'

/** A server that answers: its port and one open connection to the database `cauri`. */
export type Answering = { readonly port: number; readonly client: pg.Client }

export const urlOf = (port: number, password: string, database = 'cauri'): string =>
  `postgres://cauri:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`

/** Recovery from the log of a crashed server may take long; it is reading at most max_wal_size. */
const READY_MS = 180_000

/** Finds the running server of the folder; undefined when there is none (any more). */
export async function findRunning(place: Place, password: string): Promise<Answering | undefined> {
  const found = readPostmaster(place.data)
  if (!found) return undefined
  const alive = (): boolean => isPostmaster(found.pid, place.data)
  if (!alive()) {
    clearStale(place.data, found.pid)
    return undefined
  }
  const until = Date.now() + READY_MS
  while (Date.now() < until) {
    const client = await tryConnect(found.port, password)
    if (client) return { port: found.port, client }
    if (!alive()) return undefined
    await pause(25)
  }
  throw new CannotRun(
    `its running server (process ${found.pid}) does not answer on port ${found.port}`,
    `stop it with kill -INT ${found.pid} and start again`,
  )
}

/** Connects, making the database when it does not exist yet; undefined when the server is not ready. */
async function tryConnect(port: number, password: string): Promise<pg.Client | undefined> {
  try {
    return await connect(port, password, 'cauri')
  } catch (error) {
    const state = sqlState(error)
    if (state === '28P01')
      throw new CannotRun(
        `its server on port ${port} was given another password than the one in the data folder`,
        'put back the file postgres/password that belongs to it',
      )
    if (state !== '3D000') return undefined // starting, recovering, stopping, or no server: the caller looks again
  }
  const first = await connect(port, password, 'postgres')
  await first.query('create database cauri')
  await first.end()
  return connect(port, password, 'cauri')
}

async function connect(port: number, password: string, database: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: urlOf(port, password, database),
    application_name: 'cauri keeper',
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  })
  client.on('error', () => undefined) // told by the «end» that follows
  await client.connect()
  return client
}

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '256MB',
  max_connections: '200',
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
  deadlock_timeout: '200ms',
  jit: 'off',
  fsync: 'on',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] ',
} as const

export type Settings = Readonly<Record<string, string>>

const BUSY_MS = 20_000
const PORT_TRIES = 5

/**
 * Starts the server on the port kept in the folder, on another free one when that is taken (never when `fixed_port`
 * is given: the address is in use elsewhere in this process). Needs the start lock.
 */
export async function startServer(
  cluster: Cluster,
  settings: Settings,
  fixed_port?: number,
): Promise<Answering> {
  const until = Date.now() + BUSY_MS
  for (let tries = 0; tries < PORT_TRIES;) {
    const port = fixed_port ?? (await choosePort(tries === 0 ? keptPort(cluster) : 0))
    const outcome = await launch(cluster, settings, port)
    if ('client' in outcome) {
      if (keptPort(cluster) !== port) writeDurably(cluster.port_file, String(port))
      return outcome
    }
    // After a kill the old server's children need a moment to leave its shared memory.
    const busy = /pre-existing shared memory block|lock file "postmaster.pid" already exists/
    if (busy.test(outcome.said) && Date.now() < until) {
      const stale = readPostmaster(cluster.data)
      if (stale) clearStale(cluster.data, stale.pid)
      await pause(100)
      continue
    }
    if (!/could not bind|could not create any TCP/.test(outcome.said))
      throw explain(outcome.said, cluster.data)
    if (fixed_port !== undefined) break
    tries++
  }
  throw new CannotRun(
    `its port ${fixed_port ?? ''} on 127.0.0.1 is taken by another program`,
    'stop that program and start again',
  )
}

const keptPort = ({ port_file }: Cluster): number => {
  const kept = statSync(port_file, { throwIfNoEntry: false }) ? Number(readFileSync(port_file, 'utf8')) : 0
  return Number.isInteger(kept) && kept > 0 && kept < 65_536 ? kept : 0
}

/** The wished port of 127.0.0.1 when it is free, else any free one. */
async function choosePort(wished: number): Promise<number> {
  const probe = createServer()
  const bound = await new Promise<number>((resolve) => {
    probe.once('error', () => resolve(0))
    probe.listen(wished, '127.0.0.1', () => {
      const address = probe.address()
      resolve(typeof address === 'object' && address ? address.port : 0)
    })
  })
  if (bound === 0 && wished === 0) throw new CannotRun('no port of 127.0.0.1 is free', 'stop some programs')
  await new Promise((resolve) => probe.close(resolve))
  return bound === 0 ? choosePort(0) : bound
}

/** One try: the server that answers, or what it said before it went away. */
async function launch(
  cluster: Cluster,
  settings: Settings,
  port: number,
): Promise<Answering | { readonly said: string }> {
  const log = openLogFile(cluster.log_file)
  const { size: before } = fstatSync(log)
  const child = spawnServer(cluster, settings, port, log)
  let gone: string | undefined
  child.once('error', (error) => (gone = String(error)))
  child.once('exit', (code, signal) => (gone ??= `exit ${code ?? signal}`))
  try {
    const until = Date.now() + READY_MS
    while (gone === undefined && Date.now() < until) {
      await pause(20)
      const client = gone === undefined ? await tryConnect(port, cluster.password) : undefined
      if (client) return { port, client }
    }
    child.kill('SIGINT')
    return { said: `${readFrom(log, before)}\n${gone ?? 'not ready in time'}`.trimEnd() }
  } catch (error) {
    child.kill('SIGINT') // it runs, but not for us
    throw error
  } finally {
    closeSync(log)
  }
}

/** In a session of its own, so that neither Ctrl-C nor the death of this process reaches it. */
function spawnServer(cluster: Cluster, settings: Settings, port: number, log: number): ChildProcess {
  const all: Settings = { ...SETTINGS, ...settings }
  const options = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const child = spawn(
    programOf(cluster.binaries, 'postgres'),
    ['-D', cluster.data, '-p', String(port), ...options],
    {
      ...asUser(cluster.account),
      cwd: '/',
      env: cleanEnv(),
      detached: true,
      stdio: ['ignore', log, log],
    },
  )
  child.unref()
  return child
}

const LOG_BYTES = 16 * 1024 * 1024

/** Two log files at most: a long one is put aside at the next start. */
function openLogFile(file: string): number {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LOG_BYTES) renameSync(file, `${file}.1`)
  const fd = openSync(file, 'a+', 0o600)
  chmodSync(file, 0o600)
  likeItsFolder(file)
  return fd
}

function readFrom(fd: number, start: number): string {
  const bytes = Buffer.alloc(64 * 1024)
  return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, start))
}
