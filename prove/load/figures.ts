import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** Processor seconds, by who used them. */
export type Cpu = Readonly<Record<'product' | 'database' | 'rail' | 'clients', number>>
/** What was settled so far, and what it cost. */
export type Work = { readonly lines: number; readonly cpu_s: Cpu }

/** Durations of one kind, and what to say about them. */
export type Durations = {
  readonly note: (ms: number) => void
  /** The value that so many of a hundred do not pass; 0 without any. */
  readonly percentile: (p: number) => number
  readonly count: () => number
}

export function openDurations(): Durations {
  const all: number[] = []
  return {
    note: (ms) => void all.push(ms),
    percentile: (p) => {
      const sorted = all.toSorted((a, b) => a - b)
      return sorted[Math.min(sorted.length - 1, Math.floor((p / 100) * sorted.length))] ?? 0
    },
    count: () => all.length,
  }
}

/** Counts by name. */
export type Counts = {
  readonly add: (name: string, n?: number) => void
  readonly all: () => Record<string, number>
}

export function openCounts(): Counts {
  const counts = new Map<string, number>()
  return {
    add: (name, n = 1) => void counts.set(name, (counts.get(name) ?? 0) + n),
    all: () => Object.fromEntries(counts),
  }
}

/** Resident memory of a process now, and at its highest, MB (Linux; 0 elsewhere). */
export function memoryOf(pid: number): { readonly now_mb: number; readonly peak_mb: number } {
  const text = readOr(`/proc/${pid}/status`)
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) / 1_024
  return { now_mb: field('VmRSS'), peak_mb: field('VmHWM') }
}

const TICKS_PER_S = 100

/** Processor seconds that these processes and their children have used, ended children included (Linux; 0 elsewhere). */
export function cpuOf(pids: readonly number[]): number {
  let ticks = 0
  for (const name of existsSync('/proc') ? readdirSync('/proc') : []) {
    if (!/^\d+$/.test(name)) continue
    const stat = readOr(`/proc/${name}/stat`)
    // proc(5): the name may hold anything but ends at the last parenthesis; then state, parent, … utime is field 14.
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    const [parent = 0, own = 0, system = 0, children = 0, their_system = 0] = [1, 11, 12, 13, 14].map(
      (i) => fields[i],
    )
    if (pids.includes(Number(name))) ticks += own + system + children + their_system
    else if (pids.includes(parent)) ticks += own + system
  }
  return ticks / TICKS_PER_S
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // no such system, or the process has ended
  }
}

export const round = (value: number): number => Math.round(value * 100) / 100

/** What was done in a while, and what it cost whom: microseconds of processor time for a line. */
export type Shares = {
  readonly lines_per_s: number
  readonly lines_per_cpu_s: number
  readonly costs: Readonly<Record<'product_us' | 'database_us' | 'rail_us' | 'clients_us', number>>
}

/** `clients` is this process, which makes the load and shares the machine with what it loads. */
export function shares(before: Work, after: Work, took_s: number): Shares {
  const lines = after.lines - before.lines
  const used = (who: keyof Work['cpu_s']): number => after.cpu_s[who] - before.cpu_s[who]
  const us = (seconds: number): number => Math.round((seconds * 1e6) / Math.max(lines, 1))
  return {
    lines_per_s: lines / took_s,
    lines_per_cpu_s: lines / (used('product') + used('database') + used('rail')),
    costs: {
      product_us: us(used('product')),
      database_us: us(used('database')),
      rail_us: us(used('rail')),
      clients_us: us(used('clients')),
    },
  }
}
