import { readFileSync, readlinkSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

export type Postmaster = { readonly pid: number; readonly port: number }

/** What `postmaster.pid` says (PostgreSQL's storage.h: line 1 the process, line 4 the port), when the file is there. */
export function readPostmaster(data: string): Postmaster | undefined {
  const lines = readIfThere(join(data, 'postmaster.pid'))?.split('\n') ?? []
  const [pid, port] = [Number(lines[0]), Number(lines[3])]
  return pid > 0 && port > 0 ? { pid, port } : undefined
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined // gone, or not ours to read: either way it tells us nothing
  }
}

/** Whether the process exists in the process table, zombies included. */
export function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/**
 * Whether the process is the server of this data folder. On Linux its command line tells: a zombie has none, and a
 * number that another program took after a reboot has another one. Elsewhere existing must do.
 */
export function isPostmaster(pid: number, data: string): boolean {
  if (process.platform !== 'linux') return exists(pid)
  const args = readIfThere(`/proc/${pid}/cmdline`)?.split('\0') ?? ['']
  if (basename(args[0] ?? '') !== 'postgres') return false
  return (workingFolder(pid) ?? (args.includes(data) ? data : '')) === data
}

function workingFolder(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return undefined // another user's process in a container that may not look
  }
}

/**
 * Removes a `postmaster.pid` whose process is dead but whose number is in the process table (a zombie that nobody
 * reaps, or a newcomer): PostgreSQL would take it for a running server. Any other stale file it clears itself. Its own
 * check of the shared memory still keeps two servers out of one folder.
 */
export function clearStale(data: string, pid: number): void {
  if (process.platform === 'linux' && exists(pid) && !isPostmaster(pid, data))
    rmSync(join(data, 'postmaster.pid'), { force: true })
}

const FAST_MS = 30_000
const IMMEDIATE_MS = 10_000

/** Fast shutdown; past its deadline an immediate one, after which the next start recovers from the log. */
export async function stopPostmaster(pid: number, data: string): Promise<void> {
  for (const [signal, deadline_ms] of [
    ['SIGINT', FAST_MS],
    ['SIGQUIT', IMMEDIATE_MS],
  ] as const) {
    if (isPostmaster(pid, data)) process.kill(pid, signal)
    const until = Date.now() + deadline_ms
    while (Date.now() < until) {
      if (!isPostmaster(pid, data)) return
      await pause(15)
    }
  }
  throw new Error(`the embedded PostgreSQL (process ${pid}) does not stop`)
}
