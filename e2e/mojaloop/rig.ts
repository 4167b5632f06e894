import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts, until, type Processes, type Running } from '../processes.ts'

/** The adapter's patience for each of its steps, seconds; everything else is in proportion to it. */
export const ADAPTER_STEP_S = 3
/** With the toolkit, which thinks for seconds before it answers. */
export const TOOLKIT_STEP_S = 15
/** How long a transfer may wait at the hub, seconds. */
export const EXPIRY_S = 8
const START_MS = 60_000
const preload = (name: string): string[] => ['--require', join(import.meta.dirname, name)]
const LOOPBACK = preload('loopback.cjs')

export type AdapterPorts = {
  readonly inbound: number
  readonly outbound: number
  readonly test: number
  readonly metrics: number
}

export async function adapterPorts(): Promise<AdapterPorts> {
  const [inbound = 0, outbound = 0, test = 0, metrics = 0] = await freePorts(4)
  return { inbound, outbound, test, metrics }
}

/** Redis in memory only, on a port of its own. */
export async function startRedis(processes: Processes, command: string, folder: string): Promise<number> {
  const [port = 0] = await freePorts(1)
  const args = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    folder,
  ]
  const redis = processes.start({ name: 'redis', command, args })
  await until(
    'redis',
    START_MS,
    () => redis.said().includes('eady to accept connections') || undefined,
    redis,
  )
  return port
}

export type AdapterOptions = {
  readonly file: string
  readonly ports: AdapterPorts
  readonly redis_port: number
  readonly hub_port: number
  readonly auto_accept_quotes: boolean
  readonly step_s: number
}

/** The real scheme adapter, as its own documentation configures it, without signatures. */
export async function startAdapter(processes: Processes, options: AdapterOptions): Promise<Running> {
  const { ports, file } = options
  const adapter = processes.start({
    name: 'adapter',
    command: process.execPath,
    args: [...LOOPBACK, file],
    env: {
      NODE_OPTIONS: undefined,
      INBOUND_LISTEN_PORT: String(ports.inbound),
      OUTBOUND_LISTEN_PORT: String(ports.outbound),
      TEST_LISTEN_PORT: String(ports.test),
      METRICS_SERVER_LISTEN_PORT: String(ports.metrics),
      CACHE_URL: `redis://127.0.0.1:${options.redis_port}`,
      PEER_ENDPOINT: `127.0.0.1:${options.hub_port}`,
      BACKEND_ENDPOINT: '127.0.0.1:9', // as a payer it is never called
      DFSP_ID: 'payerfsp',
      ILP_SECRET: 'not used by a payer',
      JWS_SIGN: 'false',
      VALIDATE_INBOUND_JWS: 'false',
      AUTO_ACCEPT_QUOTES: String(options.auto_accept_quotes),
      REQUEST_PROCESSING_TIMEOUT_SECONDS: String(options.step_s),
      EXPIRY_SECONDS: String(Math.max(EXPIRY_S, options.step_s)),
      ENABLE_TEST_FEATURES: 'false',
      LOG_INDENT: '0',
    },
  })
  const base = `http://127.0.0.1:${ports.outbound}`
  await until('the scheme adapter', START_MS, () => says200(base), adapter)
  return adapter
}

/** The status of an answer, whatever it is; undefined while nobody listens. */
const statusOf = (url: string): Promise<number | undefined> =>
  fetch(url).then(
    async (answer) => {
      await answer.arrayBuffer()
      return answer.status
    },
    () => undefined,
  )

export const says200 = async (url: string): Promise<true | undefined> =>
  (await statusOf(url)) === 200 || undefined

export type Toolkit = { readonly running: Running; readonly port: number }

/** The Testing Toolkit with its own rules, as the hub of our adapter. */
export async function startToolkit(
  processes: Processes,
  where: { readonly file: string; readonly folder: string },
  home: string,
  adapter_inbound: number,
): Promise<Toolkit> {
  const [port = 0, admin = 0] = await freePorts(2)
  mkdirSync(home, { recursive: true })
  cpSync(join(where.folder, 'spec_files'), join(home, 'spec_files'), { recursive: true })
  const adapter = `http://127.0.0.1:${adapter_inbound}`
  change(home, 'system_config.json', (config) => ({
    ...config,
    API_PORT: port,
    SERVER_LOGS: { ...(config['SERVER_LOGS'] as object), ENABLED: false },
  }))
  change(home, 'user_config.json', (config) => ({
    ...config,
    CALLBACK_ENDPOINT: adapter,
    DEFAULT_USER_FSPID: 'payerfsp',
    ENDPOINTS_DFSP_WISE: { dfsps: { payerfsp: { defaultEndpoint: adapter, endpoints: [] } } },
    CLIENT_TLS_CREDS: [],
  }))
  const running = processes.start({
    name: 'toolkit',
    command: process.execPath,
    args: [...LOOPBACK, ...preload('toolkit.cjs'), where.file],
    cwd: home,
    env: { NODE_OPTIONS: undefined, PORTS: `5050:${admin}` },
  })
  await until('the Testing Toolkit', START_MS, () => statusOf(`http://127.0.0.1:${port}/`), running)
  return { running, port }
}

type Config = Readonly<Record<string, unknown>>

function change(home: string, name: string, how: (config: Config) => Config): void {
  const path = join(home, 'spec_files', name)
  writeFileSync(path, JSON.stringify(how(JSON.parse(readFileSync(path, 'utf8')) as Config)))
}
