import { ensureConnection, openBackendListener, type Driver } from './payments/index.ts'
import { outsideCalls, type Ctx } from './platform/context.ts'
import { openAs } from './platform/db.ts'
import { type Log } from './platform/log.ts'
import { noPressure, openPressure } from './platform/pressure.ts'
import { openWorker } from './worker.ts'
import { openApi } from './api.ts'
import { MOJALOOP, type AppOptions } from './wiring.ts'

export { DEMO_ORGANIZATION, MOJALOOP, purposeHandlers } from './wiring.ts'

/** One process of Cauri: the same program whatever its roles. */
export type App = {
  /** Its database asks for everybody: what serves a caller is narrowed to him. */
  readonly ctx: Ctx
  /** Answers the port that it listens on. */
  readonly startApi: (host: string, port: number) => Promise<number>
  readonly startWorker: () => Promise<void>
  /** Stops taking work, lets what is under way finish, frees what was never sent. */
  readonly stop: () => Promise<void>
}

export async function openApp(options: AppOptions): Promise<App> {
  const { config, log, url } = options
  // Who calls, keys, figures and live states are everybody's, on connections of their own: none changes between scopes.
  const house = await openAs(url, 'cauri_api', { max: 8, onRole: (role) => warnOf(role, log) })
  const calls = await openAs(url, 'cauri_api', { max: 12, name: 'cauri calls' })
  const db = house.forAll()
  const ctx: Ctx = { db, log, config }
  await ensureConnection(db, MOJALOOP, MOJALOOP)
  const closing: Record<'api' | 'worker', (() => Promise<unknown>)[]> = { api: [], worker: [] }
  let driver: Driver | undefined
  const wake = (): void => outsideCalls(() => driver?.wake())

  return {
    ctx,
    async startApi(host, port) {
      const pressure = driver === undefined ? noPressure : openPressure(driver.paying)
      const api = await openApi(ctx, options, { wake, pressure, calls })
      closing.api.unshift(api.close)
      closing.api.unshift(async () => pressure.close()) // first: who stops takes no rests
      if (config.BACKEND_PORT !== undefined) {
        const adapter = { port: config.BACKEND_PORT, credit: config.MOJALOOP_PAYEE_CREDIT, wake } as const
        closing.api.unshift((await openBackendListener(ctx, adapter)).close)
      }
      return api.listen(host, port)
    },
    async startWorker() {
      // A pool of its own: what is accepted is paid and settled however many ask the API.
      const own = await openAs(url, 'cauri_worker', { max: 8, name: 'cauri worker' })
      closing.worker.unshift(() => own.end())
      driver = await openWorker({ ...ctx, db: own }, options, (close) => closing.worker.unshift(close))
    },
    async stop() {
      // At the same time: an upload on a slow line must not keep the worker from giving its lease back.
      const ended = await Promise.allSettled([closeAll(closing.api), closeAll(closing.worker)])
      await Promise.all([house.end(), calls.end()])
      for (const one of ended) if (one.status === 'rejected') throw one.reason
    },
  }
}

/** Where the roles cannot be made, the program alone keeps organisations apart. */
function warnOf(role: string, log: Log): void {
  if (role !== 'cauri_api') log.warn({ role }, 'the role cauri_api is not there: no row-level security')
}

async function closeAll(closing: (() => Promise<unknown>)[]): Promise<void> {
  for (const close of closing.splice(0)) await close()
}
