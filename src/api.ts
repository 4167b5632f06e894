import { Gauge, type Registry } from 'prom-client'
import { auditRoutes } from './audit/index.ts'
import {
  bulkRoutes,
  readManyProgress,
  readProgress,
  sweepSpool,
  type BulkDeps,
  type Progress,
} from './bulk/index.ts'
import {
  assertCredentials,
  authorize,
  identityRoutes,
  may,
  personName,
  stillMay,
  type Identity,
} from './identity/index.ts'
import type { IdentityCheck } from './connectors/identity-check.ts'
import { kycRoutes, type Kyc } from './kyc/index.ts'
import { integrityRoutes, readIntegrity, type IntegrityFigures } from './integrity/index.ts'
import { accountRoutes, listConnections, readFigures, type Figures } from './payments/index.ts'
import { notificationRoutes } from './notifications/index.ts'
import { readConfig, type Config } from './platform/config.ts'
import { type Actor, type Ctx } from './platform/context.ts'
import { openDb, sql, type Db } from './platform/db.ts'
import { credentialsOf } from './platform/http/credentials.ts'
import { openMetrics } from './platform/http/metrics.ts'
import type { Route } from './platform/http/route.ts'
import { assertOwnSite } from './platform/http/own-site.ts'
import { settingsRoute } from './platform/http/settings-route.ts'
import { isTrustedSandboxCall } from './platform/http/sandbox-trust.ts'
import type { Authorize } from './platform/http/serve.ts'
import { buildServer } from './platform/http/server.ts'
import type { ReadyChecks } from './platform/http/system-routes.ts'
import { openLog } from './platform/log.ts'
import { pendingMigrations } from './platform/migrate.ts'
import { openNotifications } from './platform/notify.ts'
import { openOutbound } from './platform/outbound.ts'
import { noPressure } from './platform/pressure.ts'
import { openWatch, type Watch } from './platform/watch.ts'
import { simulatorProxy } from './simulators/proxy.ts'
import { filesOf, openIdentityCheck } from './providers.ts'
import {
  DEMO_ORGANIZATION,
  identityOf,
  kycOf,
  MOJALOOP,
  purposeHandlers,
  spoolFolder,
  type AppOptions,
} from './wiring.ts'

/** Answers the port that it listens on; `close` ends requests and streams first. */
export type Api = {
  readonly listen: (host: string, port: number) => Promise<number>
  readonly close: () => Promise<void>
}

/** The API of one process: its routes on `ctx`, and what serves an organisation on `calls`, narrowed to it. */
export async function openApi(
  ctx: Ctx,
  options: AppOptions,
  { wake, pressure, calls }: Pick<BulkDeps, 'wake' | 'pressure'> & { readonly calls: Db },
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
  const { own_origins, page_origins } = originsOf(config, () => port)
  const { simulator_url } = options
  const identity = identityOf(options)
  const files = filesOf(config)
  const provider = openIdentityCheck(options, outbound)
  const kyc = kycOf(options, { files, has_provider: provider !== undefined })
  const routes: Route[] = [
    ...apiRoutes(ctx, { watch, own_origins, page_origins, wake, pressure, identity, kyc, provider }),
    ...(simulator_url === undefined ? [] : simulatorProxy(outbound.pool(simulator_url))),
  ]
  const server = await buildServer({
    ctx,
    calls,
    routes,
    authorize: authorizeBy(ctx, identity, page_origins),
    streams: {
      recheck_ms: identity.limits.stream_recheck_ms,
      most_per_person: identity.limits.streams_per_person,
      judge: (calls) => stillMay(db, calls),
    },
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
      files.close()
    },
  }
}

type Origins = Readonly<Record<'own_origins' | 'page_origins', () => readonly string[]>>

function originsOf({ PUBLIC_URL, CAURI_MODE }: Config, port: () => number): Origins {
  const known = PUBLIC_URL === undefined ? [] : [new URL(PUBLIC_URL).origin]
  const own_origins = (): readonly string[] => [
    `http://localhost:${port()}`,
    `http://127.0.0.1:${port()}`,
    ...known,
  ]
  /** Whose pages may act with the session cookie: in production only those of the address that the world knows. */
  return { own_origins, page_origins: CAURI_MODE === 'production' ? () => known : own_origins }
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
      page_origins: () => [],
      wake: () => undefined,
      pressure: noPressure,
      identity: identityOf({ config, secret_key: 'documents need no secret' }),
      kyc: kycOf(
        { config, secret_key: 'documents need no secret' },
        { files: filesOf(config), has_provider: false },
      ),
      provider: undefined,
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

type Live = Pick<BulkDeps, 'watch' | 'own_origins' | 'wake' | 'pressure'> & {
  readonly identity: Identity
  readonly page_origins: () => readonly string[]
  readonly kyc: Kyc
  readonly provider: IdentityCheck | undefined
}

/** Every route but the server’s own and the simulators’: the tests walk them. */
export const apiRoutes = (
  { config }: Ctx,
  { identity, page_origins, kyc, provider, ...live }: Live,
): readonly Route[] => [
  ...identityRoutes(identity, page_origins),
  ...notificationRoutes,
  ...kycRoutes(kyc, { provider, hint_every_s: config.KYC_HINT_EVERY_S }),
  ...bulkRoutes({
    ...live,
    connection: { id: MOJALOOP, fee_cap: config.MOJALOOP_FEE_CAP },
    handlers: purposeHandlers,
    spool_folder: spoolFolder(config),
  }),
  ...accountRoutes(MOJALOOP),
  ...integrityRoutes,
  ...auditRoutes({ access: may('audit.read'), nameOf }),
  settingsRoute(may('settings.read')),
]

/** Who reads the trail, as the trail names him. */
const nameOf = (actor: Actor): string => (actor.kind === 'person' ? personName(actor.person_id) : 'nobody')

/**
 * Who calls. Without credentials the sandbox's own machine is the demo organisation; a request with credentials that are not
 * good is refused, and never falls back to anything.
 */
const authorizeBy =
  ({ db, config }: Ctx, identity: Identity, page_origins: () => readonly string[]): Authorize =>
  async (request, access) => {
    const credentials = credentialsOf(request, config)
    if (credentials.cookie !== undefined) assertOwnSite(request, page_origins())
    if (access === undefined) {
      await assertCredentials(db, identity, credentials)
      return { kind: 'anonymous' }
    }
    const demo_organization = isTrustedSandboxCall(request, config) ? DEMO_ORGANIZATION : undefined
    return authorize(db, identity, { ...credentials, demo_organization }, access)
  }
