import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { isPostmaster, readPostmaster } from '../../src/platform/postgres/postmaster.ts'
import { atEnd } from './ends.ts'

export const isRoot = process.getuid?.() === 0

/** An empty folder that any user may pass through; at the end of the file its server is killed and it is removed. */
export function emptyHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'cauri-home-'))
  chmodSync(home, 0o711)
  atEnd(() => removeHome(home))
  return home
}

/** A copy of a stopped server's home: quicker than initdb. */
export function copyOf(home: string): string {
  const copy = emptyHome()
  const [from, to] = [join(home, 'postgres'), join(copy, 'postgres')]
  mkdirSync(to, { mode: 0o711 })
  for (const name of readdirSync(from)) {
    // Programs that had to be copied there (60 MB) serve from where they are.
    if (name.startsWith('native-')) symlinkSync(join(from, name), join(to, name))
    else spawnSync('cp', ['-a', join(from, name), to], { stdio: 'inherit' })
  }
  return copy
}

export const dataOf = (home: string): string => join(home, 'postgres/data')

/** The process number of the home's server; 0 when none runs. */
export function serverPid(home: string): number {
  const found = readPostmaster(dataOf(home))
  return found && isPostmaster(found.pid, dataOf(home)) ? found.pid : 0
}

/** One statement on a connection of its own. */
export async function ask(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined) // a test may kill the server meanwhile
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Whether that user can read the file where it is: a clone under root's home is closed to others. */
export const canRead = (user: { readonly uid: number; readonly gid: number }, file: string): boolean =>
  spawnSync('/bin/sh', ['-c', 'test -r "$0"', file], { ...user, cwd: '/' }).status === 0

/** The id of a user of this machine. */
export function userId(name: string): { readonly uid: number; readonly gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`))
  const [, , uid, gid] = (line ?? '').split(':')
  return { uid: Number(uid), gid: Number(gid) }
}

function removeHome(home: string): void {
  const pid = serverPid(home)
  if (pid > 0) process.kill(pid, 'SIGKILL')
  rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
}
