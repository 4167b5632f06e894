import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { CannotRun } from './failure.ts'

/** The operating system's user that runs the server. */
export type Account = { readonly name: string; readonly uid: number; readonly gid: number }

/**
 * Who runs the server: nobody else than ourselves (undefined), or, because PostgreSQL refuses to run as root, the
 * owner of what exists already (the data, or the folder for it), else `postgres`, else `nobody`. A number without an entry in the password file is
 * no use: the server looks its own name up.
 */
export function chooseAccount(existing: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined
  const accounts = readAccounts()
  const owner = statSync(existing).uid
  const chosen =
    owner === 0
      ? (accounts.find((account) => account.name === 'postgres') ??
        accounts.find((account) => account.name === 'nobody'))
      : accounts.find((account) => account.uid === owner)
  if (chosen && chosen.uid !== 0) return chosen
  throw owner === 0
    ? new CannotRun(
        'it refuses to run as root and this machine has neither a user «postgres» nor a user «nobody»',
        'start Cauri as an ordinary user, or create one with: useradd --system postgres',
      )
    : new CannotRun(
        `the folder ${existing} belongs to user number ${owner}, who has no name on this machine`,
        'give the folder to an existing user with chown -R, or start Cauri as its owner',
      )
}

function readAccounts(): Account[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 7)
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
}

/** For the options of a child process: the user to become, or nothing. */
export const asUser = (account: Account | undefined): { uid?: number; gid?: number } =>
  account === undefined ? {} : { uid: account.uid, gid: account.gid }

/** As `test` of the shell names them. */
export type Way = 'x' | 'w' | 'O'

/**
 * Whether the user really may enter (x), write (w) and own (O) a folder: asked of the operating system, not computed
 * from modes.
 */
export function mayUse(account: Account, folder: string, ways: readonly Way[]): boolean {
  const asked = ways.map((way) => `test -${way} "$0"`).join(' && ')
  return spawnSync('/bin/sh', ['-c', asked, folder], { ...asUser(account), cwd: '/' }).status === 0
}
