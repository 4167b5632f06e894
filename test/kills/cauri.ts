import { fileURLToPath } from 'node:url'
import { setTimeout as pause } from 'node:timers/promises'
import { emptyHome } from '../harness/home.ts'
import { allPaid, type Paid } from '../harness/payments.ts'
import { spawnNode, type NodeProcess } from '../harness/process.ts'

const fileOf = (path: string): string => fileURLToPath(new URL(`../../src/${path}`, import.meta.url))
export const MAIN = fileOf('main.ts')
const SIMULATORS = fileOf('simulators/main.ts')
/** A process needs one second on an idle core; the two of a busy machine have others to serve. */
const START_MS = 30_000

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

/** One process of the product. Killed and started again it keeps its name, its home and its port. */
export type Member = {
  readonly pid: () => number
  readonly running: () => NodeProcess
  readonly start: () => Promise<RegExpExecArray>
  readonly kill: () => Promise<void>
}

/** A process that is started, killed and started again; the environment may depend on what it said the last time. */
export function openMember(file: string, args: readonly string[], env: () => Env, ready: RegExp): Member {
  let process: NodeProcess | undefined
  const running = (): NodeProcess => process ?? never('not started')
  return {
    pid: () => running().pid,
    running,
    start: () => {
      process = spawnNode(file, { args, env: env() })
      return process.waitForLine(ready, START_MS)
    },
    kill: async () => {
      running().kill('SIGKILL')
      await running().exited
    },
  }
}

export type Env = Readonly<Record<string, string | undefined>>

export const never = (what: string): never => {
  throw new Error(what)
}

/** What a test must not inherit from whoever runs it. The cache is this file's own: a start costs half without types. */
export const CLEAN: Env = {
  VITEST: undefined,
  NODE_ENV: undefined,
  TEST_SEED: undefined,
  NODE_COMPILE_CACHE: emptyHome(),
}

/** Fills the cache, which only a process that ends by itself writes: this one ends at once, on a wrong role. */
export async function learnToStart(): Promise<void> {
  await spawnNode(MAIN, { args: ['--role', 'nobody'], env: CLEAN }).exited
}

export type Outside = Member & {
  readonly base: () => string
  /** Where the product finds the scheme adapter. */
  readonly adapter: () => string
  readonly control: (method: string, path: string, body?: object) => Promise<unknown>
  /** Everything that it says it paid: its own log, which it reads back from disk after a kill. */
  readonly paid: () => Promise<Paid[]>
}

/** The simulators in a process of their own, on ports of their own, with a log that survives them. */
export function openOutside(): Outside {
  const home = emptyHome()
  let ports: Ports = { sdk: 0, hub: 0, simulator: 0 }
  const env = (): Env => ({
    ...CLEAN,
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

type Ports = { readonly sdk: number; readonly hub: number; readonly simulator: number }

export type Api = Member & { readonly base: () => string }

/** `npm start -- --role …` against a database and an adapter that are there already. */
export function openRole(role: 'api', env: () => Env): Api
export function openRole(role: Role, env: () => Env): Member
export function openRole(role: Role, env: () => Env): Member | Api {
  const home = emptyHome()
  let port = '0'
  const all = (): Env => ({ ...CLEAN, LOG_LEVEL: 'warn', CAURI_HOME: home, PORT: port, ...env() })
  const ready = role === 'worker' ? /^ready worker$/ : /^ready http:\/\/127\.0\.0\.1:(\d+)$/
  const member = openMember(MAIN, ['--role', role], all, ready)
  return {
    ...member,
    start: async () => {
      const line = await member.start()
      port = line[1] ?? '0'
      return line
    },
    base: () => `http://127.0.0.1:${port}`,
  }
}

/** What a client that wants its file paid sends, again and again under one key until there is an answer. */
export type Upload = { readonly key: string; readonly csv: string; readonly payer_account: string }

const AGAIN = new Set([409, 429, 502, 503])

/**
 * Uploads until it is accepted, as a client should: the same key and bytes after every lost answer. Throws on a refusal
 * that repeating cannot mend, and past the deadline.
 */
export async function upload(base: () => string, what: Upload, deadline_ms: number): Promise<string> {
  const end = Date.now() + deadline_ms
  let last = 'nothing'
  for (;;) {
    const answer = await send(base(), what).catch((error: unknown) => {
      last = String(error) // the API is away: killed, or not up again
      return undefined
    })
    if (answer?.status === 201) return answer.bulk_id
    if (answer !== undefined) last = `${answer.status} ${answer.text}`
    if (answer !== undefined && !AGAIN.has(answer.status)) throw new Error(`upload ${what.key}: ${last}`)
    if (Date.now() > end) throw new Error(`upload ${what.key}: after ${deadline_ms} ms still ${last}`)
    await pause(50)
  }
}

async function send(
  base: string,
  { key, csv, payer_account }: Upload,
): Promise<{ readonly status: number; readonly text: string; readonly bulk_id: string }> {
  const form = new FormData()
  form.set('file', new Blob([csv], { type: 'text/csv' }), `${key}.csv`)
  form.set('payer_account', payer_account)
  const answer = await fetch(`${base}/api/bulk-transfers`, {
    method: 'POST',
    body: form,
    headers: { 'idempotency-key': key },
  })
  const text = await answer.text()
  const body = answer.status === 201 ? (JSON.parse(text) as { bulkTransferId: string }) : undefined
  return { status: answer.status, text, bulk_id: body?.bulkTransferId ?? '' }
}
