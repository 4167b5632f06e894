import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findOrganizationByName } from '../../src/identity/index.ts'
import { DEMO_ORGANIZATION } from '../../src/app.ts'
import { loadDemo } from '../../src/demo.ts'
import { createAccount, ensureConnection } from '../../src/payments/index.ts'
import { openDb, sql, type Db } from '../../src/platform/db.ts'
import { migrate } from '../../src/platform/migrate.ts'
import { startPostgres, type Postgres } from '../../src/platform/postgres/index.ts'
import { killRunning } from '../../test/harness/child.ts'
import { listen } from '../../test/harness/listen.ts'
import { freePort, randomOf } from '../../test/harness/seed.ts'
import { withPort } from '../../test/harness/tcp-proxy.ts'
import { SILENT, type Due } from './lists.ts'
import { openMembers, QUICK, type Api, type Env, type Member, type Members, type Outside } from './members.ts'
import { openProxy, type Proxy } from './proxy.ts'
import { openTally, type Tally } from './tally.ts'

/** What the outside does meanwhile: nothing, faults of the rail at 40 % of its calls, or faults of every link. */
export const weathers = ['calm', 'rail', 'links'] as const
export type Weather = (typeof weathers)[number]

export type Mode = 'one-call' | 'stepwise' | 'two-phase'

export type Accepted = { readonly list: readonly Due[]; readonly bulk_id: string; readonly key: string }

/** The payee whom other institutions pay. */
export const PAYEE = { account_id: 'ACC-PROVE-PAYEE', identifier: '22893334455' }

/** What the clients and the adapter are asked to do next, for a crash point that nothing else reaches. */
export type Want = 'upload' | 'cancel' | 'pause' | 'incoming'

/** One database, one rail and the processes between them, kept alive through many deaths. */
export type World = {
  readonly seed: number
  /** Draws the fates of links; every other part of the campaign has a generator of its own. */
  readonly drawLink: () => number
  readonly random: (part: string) => () => number
  readonly say: (line: string) => void
  /** How long a process that died holds what was its own. */
  readonly lease_s: number
  readonly tally: Tally
  readonly home: string
  readonly members: Members
  readonly postgres: Postgres
  /** Straight to the server: the campaign's own look at things. */
  readonly db: Db
  readonly outside: Outside
  readonly proxies: { readonly db_worker: Proxy; readonly db_api: Proxy; readonly rail: Proxy }
  readonly api: Api
  readonly backend_port: number
  readonly openWorker: () => Member
  readonly cliEnv: () => Env
  /** Every list that was acknowledged, by its number. */
  readonly accepted: Map<number, Accepted>
  /** Webhook calls by the key of the list: the ids that were received. */
  readonly webhooks: Map<string, Set<string>>
  readonly hook_url: (key: string) => string
  /** Incoming transfers that were acknowledged, by id: francs. */
  readonly incoming: Map<string, number>
  /** What processes that wait for their crash point need to be done now. */
  readonly wants: Want[]
  weather: Weather
  mode: Mode
  /** No new lists: what is open is to be finished. */
  resting: boolean
  /** Above 0 while PostgreSQL is away or has just come back. */
  postgresAway: number
  readonly close: () => Promise<void>
}

/** Lines a second: a batch lasts a second or two on any machine. */
const RATE_PER_S = '150'
/**
 * When an uncertain line goes to people: far longer than a run, so that nothing else is settled by them. At the end the
 * sandbox's clock is moved by it.
 */
export const REVIEW_AFTER_S = 86_400
const signals = ['SIGINT', 'SIGTERM'] as const

export async function openWorld(given: Pick<World, 'seed' | 'say'>): Promise<World> {
  const home = mkdtempSync(join(tmpdir(), 'cauri-prove-'))
  chmodSync(home, 0o711)
  const closing: (() => unknown)[] = [() => rmSync(home, { recursive: true, force: true, maxRetries: 10 })]
  const close = async (): Promise<void> => {
    for (const signal of signals) process.off(signal, interrupted)
    for (const end of closing.splice(0).toReversed()) await end()
  }
  // What was started must not outlive a run that is broken off.
  const interrupted = (): void => void close().finally(() => process.exit(130))
  for (const signal of signals) process.once(signal, interrupted)
  try {
    return await furnish({ ...given, home, closing, close })
  } catch (error) {
    await close()
    throw error
  }
}

type Empty = Pick<World, 'seed' | 'say' | 'home' | 'close'> & {
  readonly closing: (() => unknown)[]
}

async function furnish({ closing, ...given }: Empty): Promise<World> {
  const { seed, say, home } = given
  const postgres = await startPostgres({ home })
  closing.push(() => postgres.stop())
  await migrate(postgres.url)
  const db = openDb({ url: postgres.url, name: 'cauri prove', max: 4 })
  closing.push(() => db.end())
  await openPayee(db)
  closing.push(killRunning)
  const members = openMembers(home)
  const outside = members.openOutside()
  await outside.start()
  const lease_s = await chooseLease(members)
  say(`leases of ${lease_s} s, ${RATE_PER_S} calls a second`)
  const random = (part: string): (() => number) => randomOf(seed, part)
  const proxies = await openProxies(postgres.url, outside, random)
  for (const proxy of Object.values(proxies)) closing.push(proxy.close)
  const webhooks: World['webhooks'] = new Map()
  const hooks = await openHooks(webhooks)
  closing.push(() => hooks.server.close().closeAllConnections())
  const backend_port = await freePort()
  const env = (database: Proxy): Env => ({
    ...QUICK,
    LEASE_S: String(lease_s),
    MOJALOOP_RATE_PER_S: RATE_PER_S,
    MOJALOOP_REVIEW_AFTER_S: String(REVIEW_AFTER_S),
    MOJALOOP_MODE: world.mode === 'one-call' ? 'auto' : world.mode,
    DATABASE_URL: withPort(postgres.url, database.port),
    SCHEME_ADAPTER_URL: `http://127.0.0.1:${proxies.rail.port}`,
  })
  const world: World = {
    ...given,
    lease_s,
    postgres,
    db,
    members,
    outside,
    proxies,
    random,
    webhooks,
    backend_port,
    drawLink: random('links'),
    tally: openTally(say),
    api: members.openApi(() => ({ ...env(proxies.db_api), BACKEND_PORT: String(backend_port) })),
    openWorker: () => members.openWorker(() => env(proxies.db_worker)),
    cliEnv: () => ({ ...members.clean, ...env(proxies.db_api), CAURI_HOME: home }),
    accepted: new Map(),
    hook_url: (key) => `http://127.0.0.1:${hooks.port}/${key}`,
    incoming: new Map(),
    weather: 'calm',
    mode: 'one-call',
    wants: [],
    resting: false,
    postgresAway: 0,
  }
  return world
}

const openProxies = async (
  database: string,
  outside: Outside,
  random: World['random'],
): Promise<World['proxies']> => ({
  db_worker: await openProxy(() => database, random('worker links')),
  db_api: await openProxy(() => database, random('api links')),
  rail: await openProxy(outside.adapter, random('rail links')),
})

/**
 * A lease must outlast the pauses that a busy machine makes, or nobody drives for long; and every death costs one. The
 * start of a process tells how busy it is: one second when it is idle.
 */
async function chooseLease(members: Members): Promise<number> {
  const began = performance.now()
  await members.learnToStart()
  const start_s = (performance.now() - began) / 1_000
  return Math.round(Math.min(5, Math.max(0.6, start_s * 0.6)) * 10) / 10
}

/** The demo's accounts, and one that other institutions pay. */
async function openPayee(db: Db): Promise<void> {
  await loadDemo(db)
  await ensureConnection(db, 'mojaloop', 'mojaloop')
  const organization = await findOrganizationByName(db, DEMO_ORGANIZATION)
  if (organization === undefined) throw new Error('the demo organisation is not there')
  await db.tx((tx) =>
    createAccount(tx, 'prove', {
      organization_id: organization.id,
      account_id: PAYEE.account_id,
      party_id_type: 'MSISDN',
      party_identifier: PAYEE.identifier,
      currency: 'XOF',
      opening_balance: 0n,
    }),
  )
}

/** Somebody's web server: it notes the ids of the events by its path, which is the key of a list. */
async function openHooks(webhooks: World['webhooks']): Promise<{ server: Server; port: number }> {
  const server = createServer((request, reply) => {
    const key = (request.url ?? '').slice(1)
    const ids = webhooks.get(key) ?? new Set<string>()
    webhooks.set(key, ids.add(String(request.headers['webhook-id'])))
    request.resume().on('end', () => reply.writeHead(204).end())
  })
  return { server, port: await listen(server) }
}

/** How many lines were never asked about, or wait for a new attempt. The database may be away: then `undefined`. */
export const freshLines = async ({ db }: World): Promise<number | undefined> => {
  const row = await db
    .one<{ n: bigint }>(
      sql`
        select coalesce(sum(total - completed - failed - cancelled - uncertain), 0)::bigint as n
        from payments_batches where finished_at is null`,
    )
    .catch(() => undefined)
  return row === undefined ? undefined : Number(row.n)
}

/** How many lines have no outcome and wait for no human; those of payees who stay silent, only if asked for. */
export const openLines = async ({ db }: World, silent: boolean): Promise<number | undefined> => {
  const row = await db
    .one<{ n: bigint }>(
      sql`
        select count(*) as n from payments_batches b join payments_lines l on l.batch_id = b.id
        where b.finished_at is null and l.state in ('NEW', 'RETRY', 'UNCERTAIN')
          and (${silent}::boolean or l.party_identifier not like ${SILENT})`,
    )
    .catch(() => undefined)
  return row === undefined ? undefined : Number(row.n)
}
