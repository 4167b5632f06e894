import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAs, type Db } from '../../src/platform/db.ts'
import { migrate } from '../../src/platform/migrate.ts'
import { startPostgres } from '../../src/platform/postgres/index.ts'
import { readPostmaster } from '../../src/platform/postgres/postmaster.ts'
import { killRunning } from '../../test/harness/child.ts'
import { openMembers, type Api, type Env, type Member, type Outside } from '../processes/members.ts'
import { settledLines } from './books.ts'
import { cpuOf, type Work } from './figures.ts'

/** A PostgreSQL with full durability, the simulators, and as many processes of the product as a campaign adds. */
export type Site = {
  readonly db: Db
  readonly outside: Outside
  readonly openApi: (role: 'api' | 'api,worker', env?: Env) => Api
  readonly openWorker: (env?: Env) => Member
  /** What all processes together have done so far: lines with their outcome, and processor seconds (Linux). */
  readonly work: () => Promise<Work>
  /** Files that lie in the upload folders. */
  readonly spooled: () => number
  readonly close: () => Promise<void>
}

/** Opens a site in a folder of its own, which `close` removes with every process. `settings` are more of PostgreSQL's own. */
export async function openSite(settings: Readonly<Record<string, string>> = {}): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), 'cauri-load-'))
  chmodSync(folder, 0o711) // the database may run as another user
  const closing: (() => Promise<unknown>)[] = [
    async () => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }),
  ]
  const close = async (): Promise<void> => {
    for (const one of closing.splice(0).toReversed()) await one()
  }
  try {
    const postgres = await startPostgres({ home: join(folder, 'database'), settings })
    closing.push(() => postgres.stop())
    await migrate(postgres.url)
    const db = await openAs(postgres.url, 'cauri_worker', { max: 4, name: 'cauri prove' })
    closing.push(() => db.end(), killRunning)
    const members = openMembers(folder)
    const outside = members.openOutside()
    await Promise.all([outside.start(), members.learnToStart()])
    const started: Member[] = []
    const postmaster = readPostmaster(join(folder, 'database/postgres/data'))?.pid ?? 0
    const given = (env: Env) => (): Env => ({
      DATABASE_URL: postgres.url,
      SCHEME_ADAPTER_URL: outside.adapter(),
      ...env,
    })
    const listed = <M extends Member>(member: M): M => ({
      ...member,
      start: async (more?: Env) => {
        if (!started.includes(member)) started.push(member)
        return member.start(more)
      },
    })
    return {
      db,
      outside,
      openApi: (role, env = {}) => listed(members.openApi(given(env), role)),
      openWorker: (env = {}) => listed(members.openWorker(given(env))),
      work: async () => ({
        lines: await settledLines(db),
        cpu_s: {
          product: cpuOf(started.map((member) => member.pid())),
          database: cpuOf([postmaster]),
          rail: cpuOf([outside.pid()]),
          clients: process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6,
        },
      }),
      spooled: () =>
        readdirSync(folder)
          .map((name) => join(folder, name, 'uploads'))
          .flatMap((uploads) => (existsSync(uploads) ? readdirSync(uploads) : [])).length,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
