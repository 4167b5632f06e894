import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startPostgres } from '../src/platform/postgres/index.ts'
import { postmasterOf, start, usageOf } from './processes.ts'

/** The product as its user starts it, in a process of its own, with everything on free ports. */
export type Product = {
  readonly base: string
  readonly home: string
  readonly pid: number
  /** From the spawn to the line `ready`, milliseconds. */
  readonly start_ms: number
  readonly stop: () => Promise<void>
}

const ROOT = join(import.meta.dirname, '..')
const SOURCE = join(ROOT, 'src')

/** What `npm start` gives to node: its own options, then the program. */
const START = packageScripts().start.split(' ').slice(1)
/** Node's own options as `npm start` gives them. */
export const START_OPTIONS: readonly string[] = START.slice(0, -1)

/** Only what a program needs to run: no setting of the caller's machine may bend a measurement. */
export const bareEnv = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    ['PATH', 'HOME', 'TMPDIR', 'LANG'].flatMap((name) => {
      const value = process.env[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )

export type ProductOptions = {
  /** Settings of Cauri; its own simulators run unless SCHEME_ADAPTER_URL says otherwise. */
  readonly env?: NodeJS.ProcessEnv
  readonly roles?: string
}

/** Starts it on this data folder, which is made when it is not there. */
export async function startProduct(
  home: string,
  { env = {}, roles = 'api,worker' }: ProductOptions = {},
): Promise<Product> {
  mkdirSync(home, { recursive: true })
  const started = performance.now()
  const running = await start({
    command: process.execPath,
    args: [...START_OPTIONS, join(ROOT, START.at(-1) ?? ''), '--role', roles],
    cwd: home,
    env: { ...bareEnv(), ...envOf(home), LOG_LEVEL: 'warn', ...env },
    ready: /^ready (http\S+)/m,
  })
  return {
    base: running.said[1] ?? '',
    home,
    start_ms: performance.now() - started,
    pid: running.pid,
    stop: running.stop,
  }
}

function packageScripts(): { readonly start: string } {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: { start: string }
  }
  return scripts
}

const envOf = (home: string): NodeJS.ProcessEnv => ({
  CAURI_HOME: home,
  PORT: '0',
  SDK_PORT: '0',
  HUB_PORT: '0',
  SIMULATOR_PORT: '0',
})

/** Runs something on the product's database, as its owner; it must be running. */
export async function withDatabase<T>(product: Product, work: (url: string) => Promise<T>): Promise<T> {
  const postgres = await startPostgres({ home: product.home })
  try {
    return await work(postgres.url)
  } finally {
    await postgres.stop()
  }
}

/** `cauri ledger check`: a fast run that broke its own books has measured nothing. Throws with what is broken. */
export async function checkBooks(product: Product): Promise<void> {
  await promisify(execFile)(process.execPath, [join(SOURCE, 'cli/main.ts'), 'ledger', 'check'], {
    cwd: product.home,
    env: { ...bareEnv(), ...envOf(product.home) },
  }).catch((error: unknown) => {
    throw new Error(`the books are not in order after the run: ${JSON.stringify(error)}`, { cause: error })
  })
}

export type Spent = {
  /** Processor seconds since each began. */
  readonly cpu_s: number
  /** Largest resident memory of one process of the kind, MB; PostgreSQL's count the shared buffers that they touched. */
  readonly peak_mb: number
}
export type Kind = 'server' | 'simulators' | 'postgres'

/** What the product's processes have used: the server, its simulators, and PostgreSQL's (found by the data folder). */
export function spentBy(product: Product): Record<Kind, Spent> {
  const spent: Record<Kind, { cpu_s: number; peak_mb: number }> = {
    server: { cpu_s: 0, peak_mb: 0 },
    simulators: { cpu_s: 0, peak_mb: 0 },
    postgres: { cpu_s: 0, peak_mb: 0 },
  }
  const postmaster = postmasterOf(product.home)
  for (const name of readdirSync('/proc')) {
    const usage = /^\d+$/.test(name) ? usageOf(name) : undefined
    const kind = usage === undefined ? undefined : kindOf(product, postmaster, Number(name), usage.parent)
    if (usage === undefined || kind === undefined) continue
    // Only the postmaster's ended children are its own kind: those of the server are programs that it asked something.
    spent[kind].cpu_s += Number(name) === postmaster ? usage.cpu_with_children_s : usage.cpu_s
    spent[kind].peak_mb = Math.max(spent[kind].peak_mb, usage.peak_mb)
  }
  return spent
}

function kindOf(
  { pid }: Product,
  postmaster: number | undefined,
  one: number,
  parent: number,
): Kind | undefined {
  if (one === pid) return 'server'
  if (one === postmaster || parent === postmaster) return 'postgres'
  return parent === pid ? 'simulators' : undefined
}
