import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openApp, type App } from '../../src/app.ts'
import { loadDemo } from '../../src/demo.ts'
import { readConfig, type Config } from '../../src/platform/config.ts'
import type { Db } from '../../src/platform/db.ts'
import { strictMode } from '../../src/platform/http/problem.ts'
import type { IdentityLimits } from '../../src/identity/index.ts'
import { openLog } from '../../src/platform/log.ts'
import type { SettingsPatch } from '../../src/simulators/index.ts'
import { freshDatabase, type FreshDatabase } from './database.ts'
import { multipart, type Part } from './multipart.ts'
import { openWorld, type World } from './payments.ts'

/** The durations of the Mojaloop connection, as fractions of a second. */
const quickly = {
  MOJALOOP_TIMEOUT_S: '4',
  MOJALOOP_EXPIRY_S: '0.2',
  MOJALOOP_NOT_FOUND_AFTER_S: '0.3',
  MOJALOOP_QUERY_DELAYS_S: '0.1,0.2,0.4',
  MOJALOOP_RETRY_DELAYS_S: '0.1,0.1',
  MOJALOOP_REVIEW_AFTER_S: '4',
  MOJALOOP_WINDOW: '64',
  MOJALOOP_BREAKER_S: '0.2',
  LEASE_S: '0.9',
  ORANGE_SMS_RATE_PER_S: '0',
}

export type Answer = {
  readonly status: number
  readonly headers: Headers
  /** The JSON of the body; an empty object when it is none. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  readonly body: any
  readonly text: string
}

export type Fields = Readonly<Record<string, string | undefined>>

export type UploadOptions = {
  readonly headers?: Readonly<Record<string, string>>
  readonly filename?: string
  /** The file as the first part, as the old system's curl line sends it. */
  readonly file_first?: boolean
  readonly path?: string
}

export type TestServer = {
  readonly base: string
  readonly port: number
  readonly app: App
  readonly config: Config
  readonly database: FreshDatabase
  readonly db: Db
  readonly world: World
  readonly call: (
    method: string,
    path: string,
    body?: object,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Answer>
  /** Sends a form; without a file when `csv` is undefined. `payer_account` is the demo's XOF account unless given. */
  readonly upload: (
    csv: string | Buffer | undefined,
    fields?: Fields,
    options?: UploadOptions,
  ) => Promise<Answer>
  /** Files that wait in the upload folder. */
  readonly spooled: () => Promise<string[]>
  readonly stop: () => Promise<void>
}

export type ServerOptions = {
  readonly env?: Readonly<Record<string, string>>
  /** False: batches stay PENDING, for nothing pays them. */
  readonly worker?: boolean
  readonly simulators?: SettingsPatch
  /** Shorter limits of sign-in. */
  readonly limits?: Partial<IdentityLimits>
  /** Is given every line of the log, whatever its level. */
  readonly log?: (line: string) => void
}

export const PAYER = 'ACC-123456789'
/** A hash of a password that costs a fraction of a millisecond: its real cost has tests of its own. */
export const CHEAP = { memory: 64, passes: 1, parallelism: 1 }
/** What the test server signs with, unless its environment says otherwise. */
export const SECRET_KEY = 'a secret key of the tests, long enough'

/**
 * The whole product in this process: API on a free port, worker, simulators, a database of its own, the sandbox's demo
 * organisation. A handler that gives what its route does not declare answers 500. Stop it in `afterAll`.
 */
export async function openServer(options: ServerOptions = {}): Promise<TestServer> {
  strictMode.on = true
  const database = await freshDatabase()
  const world = await openWorld(options.simulators)
  const home = await mkdtemp(join(tmpdir(), 'cauri-server-'))
  const level = process.env['TEST_LOG'] ?? 'silent'
  const config = readConfig({ CAURI_HOME: home, PORT: '0', LOG_LEVEL: level, ...quickly, ...options.env })
  const app = await openApp({
    config,
    log: options.log === undefined ? openLog(config.LOG_LEVEL) : openLog('trace', { write: options.log }),
    url: database.url,
    adapter_url: `http://127.0.0.1:${world.simulators.ports.sdk}`,
    ...(config.CAURI_MODE === 'production'
      ? {}
      : {
          simulator_url: `http://127.0.0.1:${world.simulators.ports.simulator}`,
          simulator_mail_port: world.simulators.ports.mail,
        }),
    secret_key: config.SECRET_KEY ?? SECRET_KEY,
    password_cost: CHEAP,
    outbox_every_ms: 100,
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  })
  await loadDemo(app.ctx.db)
  if (options.worker !== false) await app.startWorker()
  const port = await app.startApi('127.0.0.1', config.PORT)
  const base = `http://127.0.0.1:${port}`
  let stopped: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    await app.stop()
    await world.close()
    await rm(home, { recursive: true, force: true })
  }
  return {
    base,
    port,
    app,
    config,
    database,
    db: database.db,
    world,
    call: async (method, path, body, headers = {}) => {
      const init =
        body === undefined
          ? { method, headers }
          : {
              method,
              headers: { 'content-type': 'application/json', ...headers },
              body: JSON.stringify(body),
            }
      return answerOf(await fetch(base + path, init))
    },
    upload: async (csv, fields = {}, { headers = {}, filename, file_first = false, path } = {}) => {
      const given = Object.entries({ payer_account: PAYER, ...fields })
      const parts: Part[] = given.flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]))
      const file = csv === undefined ? [] : [{ name: 'file', value: csv, filename: filename ?? 'list.csv' }]
      const form = multipart(file_first ? [...file, ...parts] : [...parts, ...file])
      const init = { method: 'POST', headers: { ...form.headers, ...headers }, body: form.body }
      return answerOf(await fetch(base + (path ?? '/api/bulk-transfers'), init))
    },
    spooled: () => readdir(join(home, 'uploads')),
    stop: () => (stopped ??= stop()),
  }
}

export async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text()
  const { status, headers } = response
  const json = /json/.test(headers.get('content-type') ?? '')
  return { status, headers, text, body: json && text !== '' ? (JSON.parse(text) as unknown) : {} }
}
