import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** A program that was started and has said what it says when it is ready. */
export type Running = {
  readonly pid: number
  /** What matched `ready` in its standard output. */
  readonly said: RegExpExecArray
  /** SIGTERM, then SIGKILL when it does not end. */
  readonly stop: () => Promise<void>
}

export type Start = {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  /** Looked for in everything that it has written so far; `stderr` where the program speaks there. */
  readonly ready: RegExp
  readonly on?: 'stdout' | 'stderr'
  readonly deadline_ms?: number
}

const START_MS = 120_000
const STOP_MS = 20_000
const SAID_MOST = 20_000
const running = new Set<Running>()

/** Starts a program and waits until it is ready. Throws with what it said when it ends or is late. */
export async function start({ on = 'stdout', deadline_ms = START_MS, ...what }: Start): Promise<Running> {
  const child = spawn(what.command, what.args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: what.cwd,
    env: what.env,
  })
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const said = await new Promise<RegExpExecArray>((resolve, reject) => {
    const heard = { stdout: '', stderr: '' }
    const fail = (why: string): void =>
      reject(new Error(`${what.command} ${what.args.join(' ')}: ${why}\n${heard.stdout}${heard.stderr}`))
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      fail('not ready in time')
    }, deadline_ms)
    child.once('error', (error) => fail(error.message))
    child.once('close', (code) => fail(`ended with ${code} before it was ready`))
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream].on('data', (chunk: Buffer) => {
        heard[stream] = (heard[stream] + chunk.toString('utf8')).slice(-SAID_MOST)
        const match = stream === on ? what.ready.exec(heard[stream]) : null
        if (match === null) return
        clearTimeout(timer)
        resolve(match)
      })
  })
  const one = { pid: child.pid ?? 0, said, stop: () => stopOne(one, child, exited) }
  running.add(one)
  return one
}

async function stopOne(one: Running, child: ChildProcess, exited: Promise<void>): Promise<void> {
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await exited
  clearTimeout(late)
  running.delete(one)
}

/** Stops whatever is still running, the last started first. */
export async function stopAll(): Promise<void> {
  for (const one of [...running].toReversed()) await one.stop()
}

/** The process of the database server of a data folder, or undefined when none runs. */
export function postmasterOf(home: string): number | undefined {
  const path = join(home, 'postgres/data/postmaster.pid')
  const pid = existsSync(path) ? Number(readFileSync(path, 'utf8').split('\n')[0]) : 0
  if (pid === 0 || !existsSync(`/proc/${pid}`)) return undefined
  // The number may have gone to another program since.
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(home) ? pid : undefined
}

/** Stops what an interrupted run leaves behind, up to two folders deep: database servers outlive who started them. */
export async function stopDatabases(folder: string, depth = 2): Promise<void> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue
    const home = join(folder, entry.name)
    const pid = postmasterOf(home)
    if (pid !== undefined) await stopPostmaster(home, pid)
    else if (depth > 1) await stopDatabases(home, depth - 1)
  }
}

async function stopPostmaster(home: string, pid: number): Promise<void> {
  process.kill(pid, 'SIGINT')
  const until = performance.now() + STOP_MS
  while (postmasterOf(home) === pid && performance.now() < until) await pause(50)
  if (postmasterOf(home) === pid) process.kill(pid, 'SIGQUIT')
}

const TICKS_PER_S = 100

export type Usage = {
  readonly parent: number
  /** Processor seconds of its own, and with those of its ended children. */
  readonly cpu_s: number
  readonly cpu_with_children_s: number
  /** Largest resident memory since its start, MB. */
  readonly peak_mb: number
}

/** What a process has used since it was started, by /proc (Linux); undefined when it has ended. */
export function usageOf(pid: number | string): Usage | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // Fields 4 and 14 to 17 of proc(5), counted after the name, which may hold anything.
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    const [parent = 0, user = 0, system = 0, child_user = 0, child_system = 0] = [1, 11, 12, 13, 14].map(
      (i) => fields[i],
    )
    const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0'
    return {
      parent,
      cpu_s: (user + system) / TICKS_PER_S,
      cpu_with_children_s: (user + system + child_user + child_system) / TICKS_PER_S,
      peak_mb: (Number(peak) * 1_024) / 1_000_000,
    }
  } catch {
    return undefined // it ended while we looked
  }
}
