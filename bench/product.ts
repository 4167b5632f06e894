import { spawn, type ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The product as its user starts it, in a process of its own, with everything on free ports. */
export type Product = {
  readonly base: string
  /** The simulated scheme adapter. */
  readonly adapter: string
  /** From the spawn to the line `ready`, milliseconds. */
  readonly start_ms: number
  readonly pid: number
  readonly stop: () => Promise<void>
}

const MAIN = join(import.meta.dirname, '../src/main.ts')
const START_MS = 120_000

export async function startProduct(home: string, env: NodeJS.ProcessEnv = {}): Promise<Product> {
  const started = performance.now()
  const child = spawn(process.execPath, [MAIN], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      CAURI_HOME: home,
      LOG_LEVEL: 'warn',
      PORT: '0',
      SDK_PORT: '0',
      HUB_PORT: '0',
      SIMULATOR_PORT: '0',
      ...env,
    },
  })
  const { base, adapter } = await readyLines(child)
  return {
    base,
    adapter,
    start_ms: performance.now() - started,
    pid: child.pid ?? 0,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve())
        child.kill('SIGTERM')
      }),
  }
}

function readyLines(child: ChildProcess): Promise<{ readonly base: string; readonly adapter: string }> {
  return new Promise((resolve, reject) => {
    let said = ''
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error('the product was not ready in time'))
    }, START_MS)
    child.once('exit', (code) => reject(new Error(`the product ended with ${code} before it was ready`)))
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8')
      const base = /^ready (\S+)/m.exec(said)?.[1]
      const adapter = /SDK adapter\s+(\S+)/.exec(said)?.[1]
      if (base === undefined || adapter === undefined) return
      clearTimeout(timer)
      resolve({ base, adapter })
    })
  })
}

export type Usage = {
  readonly what: string
  /** Processor seconds used since its start, with what its ended children used. */
  readonly cpu_s: number
  /** Largest resident memory of one process of this kind, MB. */
  readonly peak_mb: number
}

/**
 * What the product's processes have used: the server, the simulators, and PostgreSQL's (found by their data folder).
 * Linux only, by /proc.
 */
export function usageOf(product: Product, home: string): Usage[] {
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => describe(pid, product.pid, home))
  const kinds = ['server', 'simulators', 'postgres']
  return kinds.map((what) => {
    const mine = processes.filter((one) => one.what === what)
    return {
      what,
      cpu_s: mine.reduce((sum, one) => sum + one.cpu_s, 0),
      peak_mb: Math.max(0, ...mine.map((one) => one.peak_mb)),
    }
  })
}

const TICKS_PER_S = 100
/** Children of the postmaster, by its pid in the data folder's own file. */
function describe(pid: string, server: number, home: string): Usage[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const parent = Number(fields[1])
    const postmaster = Number(readFileSync(join(home, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0])
    const what =
      Number(pid) === server
        ? 'server'
        : parent === server && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('simulators')
          ? 'simulators'
          : Number(pid) === postmaster || parent === postmaster
            ? 'postgres'
            : undefined
    if (what === undefined) return []
    // Fields 14 to 17 of proc(5): own and awaited children's time, in ticks.
    const own = Number(fields[11]) + Number(fields[12])
    const children = Number(pid) === postmaster ? Number(fields[13]) + Number(fields[14]) : 0
    const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0'
    return [{ what, cpu_s: (own + children) / TICKS_PER_S, peak_mb: Number(peak) / 1024 }]
  } catch {
    return [] // it ended while we looked
  }
}
