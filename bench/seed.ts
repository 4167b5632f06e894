import { execFileSync } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { startPostgres } from '../src/platform/postgres/index.ts'
import { formOf, PAYER, upload } from './client.ts'
import { csvOf, type List } from './csv.ts'
import { figure, median, type Figure } from './figure.ts'
import { listOf, payBatch, warmUp } from './paid.ts'
import { start, type Running } from './processes.ts'
import { bareEnv, checkBooks, startProduct } from './product.ts'
import { startFloor, type Rail } from './rails.ts'
import { byTurns, secondsSince, type Run } from './run.ts'

const PYTHON = '/usr/bin/python3'
const MODULES = 'django, rest_framework, celery, redis, psycopg2, gunicorn, requests'
const PACKAGES = [
  ...['django', 'djangorestframework', 'celery', 'redis', 'psycopg2', 'requests'].map(
    (name) => `python3-${name}`,
  ),
  'gunicorn',
  'redis-server',
]
const SOURCE = join(import.meta.dirname, 'seed')
const API_PROCESSES = 2
const WORKERS = 4
const DEADLINE_S = 600

/**
 * G3: the design that Cauri replaces, rebuilt from what its README says (one Celery task for each transfer, the balance
 * in a row) on Debian's packages, with the same embedded PostgreSQL and the same rail. Skipped with a line where the
 * packages are not there and may not be installed.
 */
export async function seed(run: Run): Promise<Figure[]> {
  const missing = packagesMissing(run)
  if (missing !== undefined) {
    run.say(`the old design is skipped: ${missing}`)
    return []
  }
  const lines = Math.min(run.lines ?? 10_000, 10_000)
  const floor = await startFloor(run.folder)
  const old = await startOld(run, floor)
  const product = await startProduct(join(run.folder, 'beside-the-old'), {
    env: { SCHEME_ADAPTER_URL: floor.url, MOJALOOP_WINDOW: '64' },
  })
  await warmUp(product, run)
  await payOld(old, { ...listOf('old-warm', 0, Math.min(lines, 200)), from: 40_000_000 })
  const { measured, limit } = await byTurns(
    run.repeat.long,
    (i) => payBatch(product, listOf('new', i, lines)),
    (i) => payOld(old, listOf('old', i, lines)),
  )
  await checkBooks(product)
  await product.stop()
  await old.stop()
  await floor.stop()
  const n = lines.toLocaleString('en')
  const times = median(measured.map((one) => one.per_s)) / median(limit.map((one) => one.per_s))
  const how = `not a limit but the old design: gunicorn with ${API_PROCESSES} processes, Celery with ${WORKERS}, Redis`
  return [
    figure({
      id: 'G3',
      what: `${n} lines, upload to the last line settled, beside the old design`,
      unit: '/s',
      better: 'higher',
      samples: measured.map((one) => one.per_s),
      limit: { samples: limit.map((one) => one.per_s), how },
      note: `${times.toFixed(0)} times as many`,
    }),
    figure({
      id: 'G3',
      what: `upload of ${n} rows, beside the old design`,
      unit: 'rows/s',
      better: 'higher',
      samples: measured.map((one) => lines / one.upload_s),
      limit: { samples: limit.map((one) => lines / one.upload_s), how },
    }),
  ]
}

/** Why it cannot run here, or undefined. Installs what is missing when that was asked for. */
function packagesMissing({ install, say }: Run): string | undefined {
  if (areThere()) return undefined
  if (!install) return `it needs ${PACKAGES.join(' ')} (--install, as root, installs them)`
  if (process.getuid?.() !== 0) return 'only root can install its packages'
  say(`apt-get install ${PACKAGES.join(' ')}`)
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const options = { env, stdio: 'pipe' } as const
    execFileSync('apt-get', ['update'], options)
    execFileSync('apt-get', ['install', '--yes', '--no-install-recommends', ...PACKAGES], options)
  } catch (error) {
    // Whatever hinders apt-get (no Debian, no network), the rest of the benchmark goes on without this part.
    return `its packages cannot be installed: ${error instanceof Error ? error.message.split('\n')[0] : ''}`
  }
  return areThere() ? undefined : 'its packages are installed but cannot be used'
}

function areThere(): boolean {
  try {
    execFileSync(PYTHON, ['-c', `import ${MODULES}`], { stdio: 'ignore' })
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false // that is the answer
  }
}

type Old = { readonly base: string; readonly db: pg.Pool; readonly stop: () => Promise<void> }

async function startOld(run: Run, rail: Rail): Promise<Old> {
  const postgres = await startPostgres({ home: join(run.folder, 'old') })
  const server = new pg.Client({ connectionString: postgres.url })
  await server.connect()
  await server.query('create database old_design')
  await server.end()
  const url = new URL(postgres.url)
  url.pathname = '/old_design'
  const redis_port = await freePort()
  const env = {
    ...bareEnv(),
    PYTHONPATH: SOURCE,
    PYTHONDONTWRITEBYTECODE: '1',
    DJANGO_SETTINGS_MODULE: 'settings',
    SCHEME_ADAPTER_URL: rail.url,
    CELERY_BROKER_URL: `redis://127.0.0.1:${redis_port}/0`,
    DB_HOST: url.hostname,
    DB_PORT: url.port,
    DB_NAME: 'old_design',
    DB_USER: decodeURIComponent(url.username),
    DB_PASSWORD: decodeURIComponent(url.password),
  }
  const cwd = run.folder
  execFileSync(PYTHON, ['-m', 'django', 'migrate', '--run-syncdb', '--verbosity', '0'], { cwd, env })
  const python = (args: readonly string[], ready: RegExp): Promise<Running> =>
    start({ command: PYTHON, args: ['-m', ...args], cwd, env, ready, on: 'stderr' })
  const redis_args = ['--port', String(redis_port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const redis = await start({ command: 'redis-server', args: redis_args, cwd, env, ready: /eady to accept/ })
  const celery = await python(
    ['celery', '--app', 'gateway', 'worker', '--concurrency', String(WORKERS), '--loglevel', 'WARNING'],
    /the worker is ready/,
  )
  const api = await python(
    [
      'gunicorn',
      '--workers',
      String(API_PROCESSES),
      '--bind',
      '127.0.0.1:0',
      '--timeout',
      '300',
      'gateway:wsgi',
    ],
    /Listening at: (http:\/\/127\.0\.0\.1:\d+)/,
  )
  const db = new pg.Pool({ connectionString: url.href, max: 1 })
  await db.query(
    `insert into bulk_account (party_id_type, party_identifier, account_id, balance, reserved)
     values ('MSISDN', '123456789', $1, 1000000000, 0)`,
    [PAYER],
  )
  const stop = async (): Promise<void> => {
    await db.end()
    for (const one of [api, celery, redis]) await one.stop()
    await postgres.stop()
  }
  return { base: api.said[1] ?? '', db, stop }
}

/** One batch through the old design, timed as `payBatch` times Cauri's. Throws unless every line was paid. */
async function payOld(old: Old, list: List): Promise<{ readonly per_s: number; readonly upload_s: number }> {
  const form = formOf(csvOf(list), PAYER)
  const started = performance.now()
  const id = await upload(old, form)
  const upload_s = secondsSince(started)
  let state = 'PENDING'
  while (state === 'PENDING' || state === 'PROCESSING') {
    if (secondsSince(started) > DEADLINE_S)
      throw new Error(`the old design is not done after ${DEADLINE_S} s`)
    await pause(20)
    const { rows } = await old.db.query<{ state: string }>(
      'select state from bulk_bulktransfer where bulk_id = $1',
      [id],
    )
    state = rows[0]?.state ?? 'gone'
  }
  if (state !== 'COMPLETED') throw new Error(`the old design did not pay all: ${state}`)
  return { per_s: list.rows / secondsSince(started), upload_s }
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
