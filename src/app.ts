import { Gauge, type Registry } from 'prom-client'
import {
  bulkRoutes,
  readManyProgress,
  readProgress,
  sweepSpool,
  type BulkDeps,
  type Progress,
} from './bulk/index.ts'
import { assertCredentials, authorize, identityRoutes, type Identity } from './identity/index.ts'
import { integrityRoutes, readIntegrity, type IntegrityFigures } from './integrity/index.ts'
import {
  accountRoutes,
  ensureConnection,
  openBackendListener,
  type Driver,
  listConnections,
  readFigures,
  type Figures,
} from './payments/index.ts'
import { readConfig } from './platform/config.ts'
import { outsideCalls, type Ctx } from './platform/context.ts'
import { openAsApplication, openDb, sql, type Db } from './platform/db.ts'
import { callerAddress } from './platform/http/caller-address.ts'
import { openMetrics } from './platform/http/metrics.ts'
import type { Route } from './platform/http/route.ts'
import { isTrustedSandboxCall } from './platform/http/sandbox-trust.ts'
import type { Authorize } from './platform/http/serve.ts'
import { buildServer } from './platform/http/server.ts'
import type { ReadyChecks } from './platform/http/system-routes.ts'
import { openLog } from './platform/log.ts'
import { pendingMigrations } from './platform/migrate.ts'
import { openNotifications } from './platform/notify.ts'
import { openOutbound } from './platform/outbound.ts'
import { noPressure, openPressure } from './platform/pressure.ts'
import { openWatch, type Watch } from './platform/watch.ts'
import { simulatorProxy } from './simulators/proxy.ts'
import { openWorker } from './worker.ts'
import {
  DEMO_ORGANIZATION,
  identityOf,
  MOJALOOP,
  purposeHandlers,
  spoolFolder,
  type AppOptions,
} from './wiring.ts'

export { DEMO_ORGANIZATION, MOJALOOP, purposeHandlers } from './wiring.ts'

/** One process of Cauri: the same program whatever its roles. */
export type App = {
  readonly ctx: Ctx
  /** Answers the port that it listens on. */
  readonly startApi: (host: string, port: number) => Promise<number>
  readonly startWorker: () => Promise<void>
  /** Stops taking work, lets what is under way finish, frees what was never sent. */
  readonly stop: () => Promise<void>
}

export async function openApp(options: AppOptions): Promise<App> {
  const { config, log, url } = options
  const db = await openAsApplication(url, { max: 16 })
  const ctx: Ctx = { db, log, config }
  await ensureConnection(db, MOJALOOP, MOJALOOP)
  const closing: Record<'api' | 'worker', (() => Promise<unknown>)[]> = { api: [], worker: [] }
  let driver: Driver | undefined
  const wake = (): void => outsideCalls(() => driver?.wake())

  return {
    ctx,
    async startApi(host, port) {
      const pressure = driver === undefined ? noPressure : openPressure()
      const api = await openApi(ctx, options, { wake, pressure })
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
      const own = await openAsApplication(url, { max: 8, name: 'cauri worker' })
      closing.worker.unshift(() => own.end())
      driver = await openWorker({ ...ctx, db: own }, options, (close) => closing.worker.unshift(close))
    },
    async stop() {
      // At the same time: an upload on a slow line must not keep the worker from giving its lease back.
      const ended = await Promise.allSettled([closeAll(closing.api), closeAll(closing.worker)])
      await db.end()
      for (const one of ended) if (one.status === 'rejected') throw one.reason
    },
  }
}

async function closeAll(closing: (() => Promise<unknown>)[]): Promise<void> {
  for (const close of closing.splice(0)) await close()
}

type Api = {
  readonly listen: (host: string, port: number) => Promise<number>
  readonly close: () => Promise<void>
}

async function openApi(
  ctx: Ctx,
  options: AppOptions,
  { wake, pressure }: Pick<BulkDeps, 'wake' | 'pressure'>,
): Promise<Api> {
  const { config, log, db } = ctx
  const watch: Watch<Progress> = openWatch({
    read: (id) => readProgress(db, id),
    readMany: (ids) => readManyProgress(db, ids),
    log,
  })
  const notifications = await openNotifications(options.url, ['payments_progress'], log)
  notifications.on('payments_progress', watch.touch)
  notifications.onReconnect(watch.touchAll)
  const outbound = openOutbound({ production: config.CAURI_MODE === 'production', allow_loopback: true })
  await sweepSpool(spoolFolder(config), 3_600_000)

  let port = config.PORT
  const own_origins = (): readonly string[] => [
    `http://localhost:${port}`,
    `http://127.0.0.1:${port}`,
    ...(config.PUBLIC_URL === undefined ? [] : [new URL(config.PUBLIC_URL).origin]),
  ]
  const { simulator_url } = options
  const identity = identityOf(options)
  const routes: Route[] = [
    ...apiRoutes(ctx, { watch, own_origins, wake, pressure, identity }),
    ...(simulator_url === undefined ? [] : simulatorProxy(outbound.pool(simulator_url))),
  ]
  const server = await buildServer({
    ctx,
    routes,
    authorize: authorizeBy(ctx, identity),
    pressure,
    ready: readyChecks(db),
    metrics: paymentMetrics(db),
  })
  return {
    listen: async (host, wanted) => {
      await server.listen({ host, port: wanted })
      const address = server.server.address()
      if (typeof address === 'object' && address !== null) port = address.port
      return port
    },
    close: async () => {
      await server.close()
      watch.close()
      await notifications.close()
      await outbound.close()
    },
  }
}

const readyChecks = (db: Db): ReadyChecks => ({
  database: async () => (await db.run(sql`select`)) === 1 || 'no answer',
  migrations: async () => (await pendingMigrations(db)).length === 0 || 'not up to date',
  worker: async () =>
    (await listConnections(db)).every((connection) => connection.driven) || 'nobody drives a rail',
})

/** The figures of payments, read when they are asked for: a resting server costs nothing. */
function paymentMetrics(db: Db): Registry {
  const registry = openMetrics()
  const gauge = (name: string, help: string, pick: (figures: Figures) => number): Gauge =>
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        this.set(pick(await readFigures(db)))
      },
    })
  for (const status of ['completed', 'failed', 'cancelled', 'pending', 'uncertain'] as const)
    gauge(`cauri_lines_${status}`, `lines that are ${status}`, (figures) => figures[status])
  gauge('cauri_reviews', 'lines that wait for people', (figures) => figures.reviews)
  gauge('cauri_uncertain_oldest_seconds', 'age of the oldest uncertain line', (f) => f.oldest_uncertain_s)
  gauge('cauri_connections_stopped', 'connections that are stopped', (figures) => figures.stopped_connections)
  const checked = (name: string, help: string, pick: (figures: IntegrityFigures) => number): Gauge =>
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        this.set(pick(await readIntegrity(db)))
      },
    })
  checked('cauri_integrity_violations', 'invariants that the last check found broken', (f) => f.violations)
  checked('cauri_integrity_checked_at', 'when it was, in seconds since 1970; 0: never', (f) => f.checked_at_s)
  return registry
}

/** The OpenAPI document, without a database: what the reference pages and the clients are made of. */
export async function describeApi(): Promise<object> {
  const config = readConfig({})
  const log = openLog('silent')
  const db = openDb({ url: 'postgres://127.0.0.1/none' })
  const watch: Watch<Progress> = openWatch<Progress>({ read: () => Promise.resolve(undefined), log })
  const routes = apiRoutes(
    { db, log, config },
    {
      watch,
      own_origins: () => [],
      wake: () => undefined,
      pressure: noPressure,
      identity: identityOf({ config, secret_key: 'documents need no secret' }),
    },
  )
  const server = await buildServer({
    ctx: { db, log, config },
    routes,
    authorize: () => Promise.reject(new Error()),
  })
  const document = server.swagger()
  await server.close()
  watch.close()
  await db.end()
  return document
}

type Live = Pick<BulkDeps, 'watch' | 'own_origins' | 'wake' | 'pressure'> & { readonly identity: Identity }

const apiRoutes = ({ config }: Ctx, { identity, ...live }: Live): readonly Route[] => [
  ...identityRoutes(identity),
  ...bulkRoutes({
    ...live,
    connection: { id: MOJALOOP, fee_cap: config.MOJALOOP_FEE_CAP },
    handlers: purposeHandlers,
    spool_folder: spoolFolder(config),
  }),
  ...accountRoutes(MOJALOOP),
  ...integrityRoutes,
]

/**
 * Who calls. Without credentials the sandbox's own machine is the demo organisation; a request with credentials that are not
 * good is refused, and never falls back to anything.
 */
const authorizeBy =
  ({ db, config }: Ctx, identity: Identity): Authorize =>
  async (request, access) => {
    const { authorization, 'cauri-organization': organization } = request.headers
    const address = callerAddress(request, config.TRUSTED_PROXIES)
    if (access === undefined) {
      await assertCredentials(db, identity, { authorization, address })
      return { kind: 'anonymous' }
    }
    const demo_organization = isTrustedSandboxCall(request, config) ? DEMO_ORGANIZATION : undefined
    const named = typeof organization === 'string' ? organization : undefined
    return authorize(db, identity, { authorization, organization: named, demo_organization, address }, access)
  }
