/**
 * A real PostgreSQL 18 for those who bring none: programs from npm, data under `<home>/postgres`, 127.0.0.1 only,
 * password in a file that only its owner reads. It outlives a crash of this process and is found again; it is stopped
 * by the last process that uses it. It never touches a server that it did not make, and never removes data.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import type { Log } from '../log.ts'
import { makePlace, prepareCluster, readPassword, type Place } from './cluster.ts'
import { explain } from './failure.ts'
import { holdLock } from './lock.ts'
import { isPostmaster, readPostmaster, stopPostmaster } from './postmaster.ts'
import { findRunning, startServer, urlOf, type Answering, type Settings } from './server.ts'

export { CannotRun } from './failure.ts'

export type Postgres = {
  /** The database `cauri` as its owner, the superuser `cauri`. */
  readonly url: string
  /** Stops the server, unless another process uses it too. May be called twice. */
  readonly stop: () => Promise<void>
  /** The server was running already. */
  readonly attached: boolean
}

export type PostgresOptions = {
  /** CAURI_HOME: the folder under which everything is kept. */
  readonly home: string
  readonly log?: Log
  /** More settings of the server (`-c name=value`); they come after ours. */
  readonly settings?: Settings
}

const LOCK_MS = 240_000

/**
 * Starts the embedded server, making its data folder the first time, or attaches to the one that runs on the same
 * home. Of two at once, one starts and the other attaches. While the handle is open, a server that dies is started
 * again on the same port. Throws `CannotRun`, one sentence with its remedy, when it cannot.
 */
export async function startPostgres({ home, log, settings = {} }: PostgresOptions): Promise<Postgres> {
  try {
    const place = makePlace(home)
    const { answering, attached } = await locked(place, () => enter(place, settings))
    log?.info({ port: answering.port, attached, folder: place.folder }, 'embedded PostgreSQL is ready')
    const password = readPassword(place)
    return { url: urlOf(answering.port, password), attached, ...keep({ place, settings, log }, answering) }
  } catch (error) {
    // The border of the operating system: its codes become sentences.
    throw explain(error, `${home}/postgres/data`)
  }
}

async function locked<T>(place: Place, work: () => Promise<T>): Promise<T> {
  const release = await holdLock(place.lock_file, LOCK_MS)
  try {
    return await work()
  } finally {
    release()
  }
}

/** Attaches or starts, then says «in use» with a shared advisory lock that lives as long as the connection. */
async function enter(
  place: Place,
  settings: Settings,
  fixed_port?: number,
): Promise<{ readonly answering: Answering; readonly attached: boolean }> {
  const cluster = await prepareCluster(place)
  const running = await findRunning(place, cluster.password)
  const answering = running ?? (await startServer(cluster, settings, fixed_port))
  await answering.client.query(`select pg_advisory_lock_shared(${IN_USE})`)
  return { answering, attached: running !== undefined }
}

/** The letters «cauri»; taken shared by each process that uses the server. */
const IN_USE = 0x63_61_75_72_69

type Keeping = { readonly place: Place; readonly settings: Settings; readonly log: Log | undefined }

/** Holds the connection that says «in use»; when it ends unasked the server has died, and is started again. */
function keep(keeping: Keeping, answering: Answering): { readonly stop: () => Promise<void> } {
  let client = answering.client
  let stopping: Promise<void> | undefined
  let reviving: Promise<void> = Promise.resolve()
  const watch = (watched: pg.Client): void => {
    client = watched
    client.once('end', () => {
      if (!stopping) reviving = revive(keeping, answering.port, () => stopping !== undefined, watch)
    })
  }
  watch(client)
  const stop = async (): Promise<void> => {
    await reviving
    await locked(keeping.place, () => leave(keeping.place, client))
  }
  return { stop: () => (stopping ??= stop()) }
}

const REVIVE_PAUSE_MS = 1_000

async function revive(
  { place, settings, log }: Keeping,
  port: number,
  isStopping: () => boolean,
  watch: (client: pg.Client) => void,
): Promise<void> {
  while (!isStopping()) {
    try {
      const { answering } = await locked(place, () => enter(place, settings, port))
      watch(answering.client)
      log?.warn({ port: answering.port }, 'embedded PostgreSQL had gone away and is back')
      if (answering.port !== port) log?.error({ port }, 'embedded PostgreSQL came back on another port')
      return
    } catch (error) {
      // Nobody waits for this work, so it must not throw; the next try may succeed.
      log?.error({ err: error }, 'embedded PostgreSQL went away and does not come back')
      await pause(REVIVE_PAUSE_MS)
    }
  }
}

/** Gives up our «in use»; when nobody else's is left, stops the server. The start lock keeps newcomers out meanwhile. */
async function leave(place: Place, held: pg.Client): Promise<void> {
  const last = (await isLast(held)) ?? (await isLastAnew(place))
  if (!last) return
  const running = readPostmaster(place.data)
  if (running && isPostmaster(running.pid, place.data)) await stopPostmaster(running.pid, place.data)
}

/** Undefined when the connection is broken. */
async function isLast(client: pg.Client): Promise<boolean | undefined> {
  try {
    await client.query(`select pg_advisory_unlock_shared(${IN_USE})`)
    const { rows } = await client.query<{ free: boolean }>(`select pg_try_advisory_lock(${IN_USE}) as free`)
    await client.end()
    return rows[0]?.free === true
  } catch {
    return undefined // its lock went with it
  }
}

async function isLastAnew(place: Place): Promise<boolean> {
  const running = await findRunning(place, readPassword(place))
  return running !== undefined && (await isLast(running.client)) === true
}
