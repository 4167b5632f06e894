/**
 * Run by npm before `start` and `test`, on whatever Node the machine has (18 or newer): installs the packages when they
 * are missing or the lock file has changed, and sees to it that the pinned Node runs. When nothing has changed it only
 * compares a checksum.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const modules = join(root, 'node_modules')
const stamp = join(modules, '.cauri-setup')
const pinned = join(modules, '.bin', process.platform === 'win32' ? 'node.cmd' : 'node')

const lock = readFileSync(join(root, 'package-lock.json'))
// `npm start` needs no development packages: an image may leave them out.
const needs = process.env.npm_lifecycle_event === 'prestart' ? 'runtime' : 'everything'
const wanted = `${createHash('sha256').update(lock).digest('hex')} ${process.platform}-${process.arch}`

if (!isStamped()) {
  if (!isInstalled()) install()
  checkPinnedNode()
  writeFileSync(stamp, `${wanted} ${needs}\n`)
}

function isStamped() {
  if (!existsSync(stamp)) return false
  const found = readFileSync(stamp, 'utf8').trim()
  return found === `${wanted} everything` || found === `${wanted} ${needs}`
}

/** Whether npm's own record of what it installed says the same as the lock file: someone ran npm ci already. */
function isInstalled() {
  const record = join(modules, '.package-lock.json')
  if (!existsSync(record) || !existsSync(pinned)) return false
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages
  return Object.entries(JSON.parse(lock.toString()).packages).every(
    ([path, { version, integrity, ...kind }]) => {
      const found = installed[path]
      if (path === '') return true
      if (!found) return kind.optional || (needs === 'runtime' && (kind.dev || kind.devOptional))
      return found.version === version && found.integrity === integrity
    },
  )
}

function install() {
  console.log('Cauri: installing packages (npm ci), about a minute the first time…')
  const [program, args] = npm()
  // Said outright, because NODE_ENV or a user's own npm settings may leave some out.
  const kinds = ['--include=optional', ...(needs === 'everything' ? ['--include=dev'] : [])]
  const done = spawnSync(program, [...args, 'ci', ...kinds, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    env: withoutPinned(),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    shell: process.platform === 'win32',
  })
  if (done.status === 0) return
  process.stderr.write(`${done.stdout ?? ''}${done.stderr ?? ''}`)
  const why = done.error
    ? `npm could not be started (${done.error.message})`
    : `npm ci failed (${done.status})`
  fail(
    `${why}; what it said is above. Packages come from the network once: check the connection or the proxy ` +
      '(npm config get registry, npm ping), then run the same command again.',
  )
}

/** The npm that runs this script, on the Node that it runs on; else the one on the path. */
function npm() {
  const { npm_execpath: cli, npm_node_execpath: node } = process.env
  const isNpm = cli !== undefined && basename(cli) === 'npm-cli.js' && existsSync(cli)
  if (isNpm && node && !node.startsWith(modules)) return [node, [cli]]
  return ['npm', []]
}

/** npm itself must run on the machine's Node: the pinned one is among what it replaces. */
function withoutPinned() {
  const env = { ...process.env }
  const name = Object.keys(env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH'
  const parts = (env[name] ?? '').split(delimiter)
  env[name] = parts.filter((part) => part !== join(modules, '.bin')).join(delimiter)
  return env
}

function checkPinnedNode() {
  const version = existsSync(pinned)
    ? spawnSync(pinned, ['--version'], { encoding: 'utf8', shell: process.platform === 'win32' }).stdout
    : undefined
  if (Number(/^v(\d+)/.exec(version ?? '')?.[1]) >= 26) return
  const machine = `${process.platform}-${process.arch}`
  if (version === undefined)
    fail(
      `the packages hold no Node for ${machine}. Delete node_modules and try again without --omit=optional; ` +
        'if there is none for this machine, install Node 26 or newer yourself.',
    )
  fail(
    `the Node that came with the packages (${pinned}) does not run on this ${machine} machine. On Alpine use an image ` +
      'with glibc, such as Debian; elsewhere delete node_modules and try again.',
  )
}

function fail(message) {
  console.error(`Cauri: ${message}`)
  process.exit(1)
}
