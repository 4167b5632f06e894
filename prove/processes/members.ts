import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { spawnNode, type NodeProcess } from '../../test/harness/child.ts'
import { allPaid, type Paid } from '../../test/harness/payments.ts'

const fileOf = (path: string): string => fileURLToPath(new URL(`../../src/${path}`, import.meta.url))
export const MAIN = fileOf('main.ts')
export const CLI = fileOf('cli/main.ts')
const SIMULATORS = fileOf('simulators/main.ts')
/** A process needs one second on an idle core; the two of a busy machine have many others to serve. */
const START_MS = 60_000

/** Every delay is data of its connection; here fractions of a second. */
export const QUICK = {
  LEASE_S: '0.6',
  MOJALOOP_TIMEOUT_S: '3',
  MOJALOOP_EXPIRY_S: '0.2',
  MOJALOOP_NOT_FOUND_AFTER_S: '0.4',
  MOJALOOP_QUERY_DELAYS_S: '0.1,0.2',
  MOJALOOP_RETRY_DELAYS_S: '0.1,0.1',
  MOJALOOP_BREAKER_S: '0.3',
  MOJALOOP_WINDOW: '64',
} as const

export type Role = 'api' | 'worker' | 'api,worker'
export type Env = Readonly<Record<string, string | undefined>>

/** One process of the product. Killed and started again it keeps its name, its home and its port. */
export type Member = {
  readonly pid: () => number
  readonly running: () => NodeProcess
  /** `more` is added to the environment of this start only. */
  readonly start: (more?: Env) => Promise<RegExpExecArray>
  readonly kill: () => Promise<void>
}

export type Api = Member & { readonly base: () => string }

export type Outside = Member & {
  readonly base: () => string
  readonly sdk_port: () => number
  /** Where the product finds the scheme adapter. */
  readonly adapter: () => string
  readonly control: (method: string, path: string, body?: object) => Promise<unknown>
  /** Everything that it says it paid: its own log, which it reads back from disk after a kill. */
  readonly paid: () => Promise<Paid[]>
}

export type Members = {
  /** What a process must not inherit from whoever runs this one. */
  readonly clean: Env
  /** Fills the cache, which only a process that ends by itself writes: this one ends at once, on a wrong role. */
  readonly learnToStart: () => Promise<void>
  readonly openOutside: () => Outside
  /** `npm start -- --role …` against a database and an adapter that are there already. */
  readonly openApi: (env: () => Env, role?: 'api' | 'api,worker') => Api
  readonly openWorker: (env: () => Env) => Member
}

export const never = (what: string): never => {
  throw new Error(what)
}

const learnt = new Set<string>()

/** Members whose homes are folders of `place`, which is the caller's to remove. */
export function openMembers(place: string): Members {
  let made = 0
  const newHome = (): string => {
    const home = join(place, `home-${++made}`)
    mkdirSync(home, { recursive: true, mode: 0o711 })
    return home
  }
  // A start costs half where the types are gone already.
  const cache = process.env['NODE_COMPILE_CACHE'] ?? newHome()
  const clean: Env = {
    VITEST: undefined,
    NODE_ENV: undefined,
    TEST_SEED: undefined,
    CAURI_CRASH_AT: undefined,
    NODE_COMPILE_CACHE: cache,
  }
  return {
    clean,
    learnToStart: async () => {
      if (learnt.has(cache)) return
      learnt.add(cache)
      await spawnNode(MAIN, { args: ['--role', 'nobody'], env: clean }).exited
    },
    openOutside: () => openOutside(clean, newHome()),
    openApi: (env, role = 'api') => {
      let port = '0'
      const all = (): Env => ({ ...roleEnv(clean, home), PORT: port, ...env() })
      const home = newHome()
      const member = openMember(MAIN, ['--role', role], all, /^ready http:\/\/127\.0\.0\.1:(\d+)$/)
      return {
        ...member,
        start: async (more) => {
          const line = await member.start(more)
          port = line[1] ?? '0'
          return line
        },
        base: () => `http://127.0.0.1:${port}`,
      }
    },
    openWorker: (env) => {
      const home = newHome()
      const all = (): Env => ({ ...roleEnv(clean, home), PORT: '0', ...env() })
      return openMember(MAIN, ['--role', 'worker'], all, /^ready worker$/)
    },
  }
}

const roleEnv = (clean: Env, home: string): Env => ({ ...clean, LOG_LEVEL: 'warn', CAURI_HOME: home })

/** A process that is started, killed and started again; the environment may depend on what it said the last time. */
function openMember(file: string, args: readonly string[], env: () => Env, ready: RegExp): Member {
  let process: NodeProcess | undefined
  const running = (): NodeProcess => process ?? never('not started')
  return {
    pid: () => running().pid,
    running,
    start: (more = {}) => {
      process = spawnNode(file, { args, env: { ...env(), ...more } })
      return process.waitForLine(ready, START_MS)
    },
    kill: async () => {
      running().kill('SIGKILL')
      await running().exited
    },
  }
}

type Ports = { readonly sdk: number; readonly hub: number; readonly simulator: number }

/** The simulators in a process of their own, on ports of their own, with a log that survives them. */
function openOutside(clean: Env, home: string): Outside {
  let ports: Ports = { sdk: 0, hub: 0, simulator: 0 }
  const env = (): Env => ({
    ...clean,
    CAURI_HOME: home,
    SDK_PORT: String(ports.sdk),
    HUB_PORT: String(ports.hub),
    SIMULATOR_PORT: String(ports.simulator),
  })
  const member = openMember(SIMULATORS, [], env, /^\{"ready":.*\}$/)
  const base = (): string => `http://127.0.0.1:${ports.simulator}`
  return {
    ...member,
    start: async () => {
      const line = await member.start()
      ports = (JSON.parse(line[0]) as { ready: Ports }).ready
      return line
    },
    base,
    sdk_port: () => ports.sdk,
    adapter: () => `http://127.0.0.1:${ports.sdk}`,
    control: async (method, path, body) => {
      const json = { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
      const answer = await fetch(`${base()}${path}`, { method, ...(body === undefined ? {} : json) })
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
      return answer.json().catch(() => ({}))
    },
    paid: () => allPaid(base()),
  }
}
