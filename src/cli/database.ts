import { mkdirSync } from 'node:fs'
import { userInfo } from 'node:os'
import { readConfig, type Config } from '../platform/config.ts'
import { armCrashPoint } from '../platform/crash-point.ts'
import { openAs, type Db, type ProcessRole } from '../platform/db.ts'
import { openLog, type Log } from '../platform/log.ts'
import { startPostgres } from '../platform/postgres/index.ts'
import { readEnvironment } from './environment.ts'

export type Place = { readonly config: Config; readonly log: Log; readonly url: string }

/**
 * The database of DATABASE_URL, or the embedded one: attached to when it runs, else started and stopped again. Its
 * owner's URL, for migrations and the job queue.
 */
export async function withPlace<T>(work: (place: Place) => Promise<T>): Promise<T> {
  const env = readEnvironment()
  const config = readConfig(env)
  armCrashPoint(env['CAURI_CRASH_AT'])
  // A command answers in sentences: the log speaks only when it was asked to.
  const log = openLog(env['LOG_LEVEL'] === undefined ? 'error' : config.LOG_LEVEL)
  if (config.DATABASE_URL !== undefined) return work({ config, log, url: config.DATABASE_URL })
  mkdirSync(config.home, { recursive: true })
  const postgres = await startPostgres({ home: config.home, log })
  try {
    return await work({ config, log, url: postgres.url })
  } finally {
    await postgres.stop()
  }
}

/** The same, as a role that cannot change what the ledger holds; unless another is named, one that sees every organisation. */
export const withDatabase = <T>(
  work: (db: Db, place: Place) => Promise<T>,
  role: ProcessRole = 'cauri_worker',
): Promise<T> =>
  withPlace(async (place) => {
    const db = await openAs(place.url, role, { max: 2, name: 'cauri cli' })
    try {
      return await work(db, place)
    } finally {
      await db.end()
    }
  })

/** Who acts, for the audit trail, where nobody is named: the user of the machine. */
export const operator = (): string => `cli:${userInfo().username}`
