import { hostname } from 'node:os'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { bulkRoutes, onSettled, readProgress, sweepSpool, type Progress } from './bulk/index.ts'
import { openMojaloop } from './connectors/index.ts'
import { findOrganizationByName } from './identity/index.ts'
import { checkLedger, type Breach } from './ledger/index.ts'
import {
  accountRoutes,
  checkPayments,
  ensureConnection,
  holdConnections,
  openDriver,
  type ConnectionSettings,
  type Driver,
  type PurposeHandler,
} from './payments/index.ts'
import type { Config } from './platform/config.ts'
import type { Actor, Ctx } from './platform/context.ts'
import { openDb, sql, type Db } from './platform/db.ts'
import { Refusal } from './platform/errors.ts'
import { cleanIdempotency } from './platform/http/idempotency.ts'
import type { Route } from './platform/http/route.ts'
import { isTrustedSandboxCall } from './platform/http/sandbox-trust.ts'
import { buildServer } from './platform/http/server.ts'
import { openJobs, type Jobs, type QueueRules } from './platform/jobs.ts'
import type { Log } from './platform/log.ts'
import { openNotifications } from './platform/notify.ts'
import { openOutbound, type Outbound } from './platform/outbound.ts'
import * as outbox from './platform/outbox.ts'
import { openWatch, type Watch } from './platform/watch.ts'
import { simulatorProxy } from './simulators/proxy.ts'
import { deliver, newDelivery, type Delivery } from './webhooks/index.ts'

export const DEMO_ORGANIZATION = 'Caisse de démonstration'
export const MOJALOOP = 'mojaloop'

export type AppOptions = {
  readonly config: Config
  readonly log: Log
  /** The database, as its owner: migrations are done. Statements run as the role cauri_app where it exists. */
  readonly url: string
  /** The scheme adapter, real or simulated; without one nothing is paid. */
  readonly adapter_url: string | undefined
  /** The simulators' control API, in the sandbox. */
  readonly simulator_url?: string
  readonly secret_key: string
}

/** One process of Cauri: the same program whatever its roles. */
export type App = {
  readonly ctx: Ctx
  /** Answers the port that it listens on. */
  readonly startApi: (host: string, port: number) => Promise<number>
  readonly startWorker: () => Promise<void>
  /** Stops taking work, lets what is under way finish, frees what was never sent. */
  readonly stop: () => Promise<void>
}

const queues = {
  'webhook.deliver': { retries: 12, retry_delay_s: 5, expire_s: 60 },
  'ledger.check': { retries: 0, expire_s: 600 },
  housekeeping: { retries: 2, expire_s: 600 },
} as const satisfies Record<string, QueueRules>
type Queue = keyof typeof queues
/** What others are told, and by whom: a new kind without a handler does not compile. */
type OutboxKind = 'bulk.finished'

/** The purposes that a payment can have. Each has its handler, called in the transaction that settles. */
const purposeHandlers = {
  BULK_LINE: onSettled((tx, bulk_id, fact) =>
    outbox.add<OutboxKind>(tx, 'bulk.finished', bulk_id, {
      ...fact,
      organization_id: String(fact.organization_id),
    }),
  ),
} satisfies Record<string, PurposeHandler>

export { purposeHandlers }

export async function openApp(options: AppOptions): Promise<App> {
  const { config, log, url } = options
  const db = await openAsApplication(url)
  const ctx: Ctx = { db, log, config }
  await ensureConnection(db, MOJALOOP, MOJALOOP)
  const closing: (() => Promise<unknown>)[] = [() => db.end()]
  let driver: Driver | undefined
  const wake = (): void => driver?.wake()

  return {
    ctx,
    async startApi(host, port) {
      const api = await openApi(ctx, options, wake)
      closing.unshift(api.close)
      return api.listen(host, port)
    },
    async startWorker() {
      driver = await openWorker(ctx, options, (close) => closing.unshift(close))
    },
    async stop() {
      for (const close of closing.splice(0)) await close()
    },
  }
}

/** As the role cauri_app where the migrations could make it: it cannot change what the ledger holds. */
export async function openAsApplication(url: string): Promise<Db> {
  const owner = openDb({ url, max: 1 })
  const has = await owner.run(
    sql`select from pg_roles where rolname = 'cauri_app' and pg_has_role(current_user, oid, 'member')`,
  )
  await owner.end()
  return openDb({ url, max: 12, ...(has === 1 ? { role: 'cauri_app' } : {}) })
}

type Api = {
  readonly listen: (host: string, port: number) => Promise<number>
  readonly close: () => Promise<void>
}

async function openApi(ctx: Ctx, options: AppOptions, wake: () => void): Promise<Api> {
  const { config, log, db } = ctx
  const watch: Watch<Progress> = openWatch({ read: (id) => readProgress(db, id), log })
  const notifications = await openNotifications(options.url, ['payments_progress'], log)
  notifications.on('payments_progress', watch.touch)
  notifications.onReconnect(watch.touchAll)
  const outbound = openOutbound({ production: config.CAURI_MODE === 'production', allow_loopback: true })
  const spool_folder = join(config.home, 'uploads')
  await sweepSpool(spool_folder, 3_600_000)

  let port = config.PORT
  const routes: Route[] = [
    ...bulkRoutes({
      connection: { id: MOJALOOP, fee_cap: config.MOJALOOP_FEE_CAP },
      handlers: purposeHandlers,
      watch,
      spool_folder,
      own_origins: () => [
        `http://localhost:${port}`,
        `http://127.0.0.1:${port}`,
        ...(config.PUBLIC_URL === undefined ? [] : [new URL(config.PUBLIC_URL).origin]),
      ],
      wake,
    }),
    ...accountRoutes(MOJALOOP),
    ...(options.simulator_url === undefined ? [] : simulatorProxy(outbound.pool(options.simulator_url))),
  ]
  const server = await buildServer({
    ctx,
    routes,
    authenticate: (request) => authenticate(ctx, request),
    ready: { database: async () => ((await db.run(sql`select`)) === 1 ? true : 'no answer') },
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

/**
 * Who asks. People and keys come with a later release: until then credentials are refused, and only the sandbox's own
 * machine acts as the demo organisation.
 */
async function authenticate(
  { db, config }: Ctx,
  request: Parameters<typeof isTrustedSandboxCall>[0],
): Promise<Actor> {
  if (request.headers.authorization !== undefined) throw new Refusal('AUTHENTICATION_REQUIRED')
  if (!isTrustedSandboxCall(request, config)) return { kind: 'anonymous' }
  const organization = await findOrganizationByName(db, DEMO_ORGANIZATION)
  if (organization === undefined) return { kind: 'anonymous' }
  return { kind: 'organization', organization_id: organization.id, name: organization.name }
}

/** Starts the worker's parts; each is registered to be closed, in the reverse order, as soon as it runs. */
async function openWorker(
  ctx: Ctx,
  options: AppOptions,
  atStop: (close: () => Promise<unknown>) => void,
): Promise<Driver | undefined> {
  const { config, log, db } = ctx
  const outbound = openOutbound({
    production: config.CAURI_MODE === 'production',
    allow_loopback: config.CAURI_MODE === 'sandbox',
  })
  atStop(() => outbound.close())
  const jobs = await openJobs<Queue>(options.url, queues, log)
  atStop(() => jobs.stop(1_000))
  const delivering = { db, log, outbound, secret_key: options.secret_key }
  await jobs.work<Delivery>('webhook.deliver', (job) => deliver(delivering, job.data), { concurrency: 4 })
  await jobs.work('ledger.check', () => checkAndHold(ctx))
  await jobs.work('housekeeping', () => keepHouse(ctx))
  await jobs.schedule('ledger.check', '17 * * * *')
  await jobs.schedule('housekeeping', '41 3 * * *')
  const handlers: outbox.OutboxHandlers<OutboxKind> = {
    'bulk.finished': (tx, row) => announceFinished(tx, row, jobs),
  }
  const runner = outbox.runOutbox(() => outbox.drainOutbox(db, handlers, { log }), log)
  atStop(() => runner.close())
  if (options.adapter_url === undefined) return undefined

  const mojaloop = openMojaloopDriver(ctx, outbound, options.adapter_url)
  atStop(() => mojaloop.close())
  atStop(() => mojaloop.driver.stop(7_000))
  mojaloop.driver.start()
  return mojaloop.driver
}

function openMojaloopDriver(
  ctx: Ctx,
  outbound: Outbound,
  url: string,
): { readonly driver: Driver; readonly close: () => Promise<void> } {
  const { config, log, db } = ctx
  const rail = openMojaloop({
    url,
    timeout_ms: config.MOJALOOP_TIMEOUT_S * 1_000,
    mode: config.MOJALOOP_MODE,
    expiry_s: config.MOJALOOP_EXPIRY_S,
    connections: config.MOJALOOP_WINDOW,
    outbound,
    log,
  })
  const worker = `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`
  const connection = { settings: mojaloopSettings(config), rail }
  return { driver: openDriver({ db, log, connection, handlers: purposeHandlers, worker }), close: rail.close }
}

const ms = (seconds: number): number => seconds * 1_000

/** The durations and limits of the Mojaloop connection, from the configuration. */
export const mojaloopSettings = (config: Config): ConnectionSettings => ({
  id: MOJALOOP,
  lease_ms: ms(config.LEASE_S),
  timeout_ms: ms(config.MOJALOOP_TIMEOUT_S),
  expiry_ms: ms(config.MOJALOOP_EXPIRY_S),
  not_found_after_ms: ms(config.MOJALOOP_NOT_FOUND_AFTER_S),
  query_delays_ms: config.MOJALOOP_QUERY_DELAYS_S.map(ms),
  retry_delays_ms: config.MOJALOOP_RETRY_DELAYS_S.map(ms),
  review_after_ms: ms(config.MOJALOOP_REVIEW_AFTER_S),
  window_max: config.MOJALOOP_WINDOW,
  rate_per_s: config.MOJALOOP_RATE_PER_S,
  breaker_ms: ms(config.MOJALOOP_BREAKER_S),
  stop_ms: ms(config.MOJALOOP_BREAKER_S * 6),
  poll_ms: Math.min(250, ms(config.LEASE_S) / 6),
})

async function announceFinished(
  tx: Parameters<outbox.OutboxHandlers<OutboxKind>['bulk.finished']>[0],
  row: outbox.OutboxRow<OutboxKind>,
  jobs: Jobs<Queue>,
): Promise<void> {
  const { url, organization_id, result } = row.payload as {
    url: string
    organization_id: string
    result: object
  }
  const fact = { url, organization_id: BigInt(organization_id), type: 'bulk.finished', data: result }
  await jobs.send(tx, 'webhook.deliver', newDelivery(fact, row.created_at))
}

/** Every invariant that applies, ledger and payments. Empty when they all hold. */
export const checkAll = async (db: Db): Promise<Breach[]> => [
  ...(await checkLedger(db)),
  ...(await checkPayments(db)),
]

/** A violation pauses payouts and says why: it is safer to be late than to be wrong. */
async function checkAndHold({ db, log }: Ctx): Promise<void> {
  const breaches = await checkAll(db)
  if (breaches.length === 0) return
  const because = `check failed: ${breaches[0]?.invariant} (${breaches[0]?.found})`
  log.error({ breaches: breaches.slice(0, 20) }, 'an invariant does not hold; payouts are paused')
  await db.tx((tx) => holdConnections(tx, because))
}

async function keepHouse({ db, config, log }: Ctx): Promise<void> {
  const keys = await cleanIdempotency(db)
  const uploads = await sweepSpool(join(config.home, 'uploads'), 86_400_000)
  log.info({ keys, uploads }, 'housekeeping done')
}
