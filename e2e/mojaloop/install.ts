import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

type Package = {
  readonly name: string
  readonly version: string
  /** What its own dependencies need today, years after it was published. */
  readonly overrides: Readonly<Record<string, string>>
  readonly start: string
}

export const adapterPackage: Package = {
  name: '@mojaloop/sdk-scheme-adapter',
  version: '18.0.2',
  overrides: { grpc: 'npm:@grpc/grpc-js@^1.10.0' }, // the native one does not build any more
  start: 'src/index.js',
}
export const toolkitPackage: Package = {
  name: 'ml-testing-toolkit',
  version: '18.19.2',
  overrides: { '@mojaloop/ml-testing-toolkit-shared-lib': '14.3.0' },
  start: 'src/index.js',
}

/** Why the live test cannot run here; nothing failed. */
export class Skip extends Error {}

const root = resolve(import.meta.dirname, '../..')

/** Kept between runs, and never inside the repository: CAURI_HOME/e2e, or the user's cache. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  const wanted =
    env['CAURI_HOME'] === undefined
      ? join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'cauri', 'e2e')
      : resolve(env['CAURI_HOME'], 'e2e')
  if (!`${wanted}/`.startsWith(`${root}/`)) return wanted
  throw new Skip(`${wanted} is inside the repository: set CAURI_HOME to a folder elsewhere`)
}

/** Installs a package at its exact version, unless an earlier run did; answers the file to start and its folder. */
export function install(
  { name, version, overrides, start }: Package,
  cache: string,
  say: (text: string) => void,
): { readonly file: string; readonly folder: string } {
  const folder = join(cache, `${name.replace(/.*\//, '')}-${version}`)
  const module = join(folder, 'node_modules', name)
  const done = join(folder, 'installed')
  if (!existsSync(done)) {
    say(`installing ${name}@${version} in ${folder}, once; about a minute`)
    mkdirSync(folder, { recursive: true })
    const manifest = { private: true, dependencies: { [name]: version }, overrides }
    writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    const npm = spawnSync('npm', args, { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' })
    if (npm.status !== 0) throw new Skip(`npm cannot install ${name}@${version}: ${lastLines(npm.stderr)}`)
    writeFileSync(done, new Date().toISOString())
  }
  return { file: join(module, start), folder: module }
}

/** redis-server of the system; as root on Debian it is installed. */
export function findRedis(say: (text: string) => void): string {
  const there = (): boolean => spawnSync('redis-server', ['--version']).status === 0
  if (there()) return 'redis-server'
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0)
    throw new Skip('redis-server is missing: install it (Debian: apt-get install redis-server)')
  say('installing redis-server by apt-get, once')
  // In runlevel 1 the package starts no server of its own.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const get = (...args: string[]) => spawnSync('apt-get', args, { env, encoding: 'utf8' })
  get('update')
  const got = get('install', '-y', '--no-install-recommends', 'redis-server')
  if (!there()) throw new Skip(`apt-get cannot install redis-server: ${lastLines(got.stderr)}`)
  return 'redis-server'
}

export const versionOf = (command: string): string =>
  /v=(\S+)/.exec(spawnSync(command, ['--version'], { encoding: 'utf8' }).stdout)?.[1] ?? 'unknown'

const lastLines = (text: string | null): string => (text ?? '').trim().split('\n').slice(-3).join(' ')
