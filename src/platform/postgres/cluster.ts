import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { asUser, chooseAccount, mayUse, type Account } from './account.ts'
import {
  cleanEnv,
  isOldCopy,
  packagedBinaries,
  programOf,
  usableBinaries,
  type Binaries,
} from './binaries.ts'
import { CannotRun, explain } from './failure.ts'

/** The files of one embedded server, all in `<home>/postgres`. */
export type Place = {
  readonly folder: string
  readonly data: string
  readonly password_file: string
  readonly port_file: string
  readonly log_file: string
  readonly lock_file: string
}

export type Cluster = Place & {
  readonly account: Account | undefined
  readonly binaries: Binaries
  readonly password: string
}

/** Makes the folder that holds everything. As root its user must be able to pass through it, and only that. */
export function makePlace(home: string): Place {
  const wished = join(home, 'postgres')
  const root = process.getuid?.() === 0
  makeFolder(wished, root ? 0o711 : 0o700)
  const folder = realpathSync(wished)
  if (root) for (const path of [join(folder, '..'), folder]) allowPassage(path)
  return {
    folder,
    data: join(folder, 'data'),
    password_file: join(folder, 'password'),
    port_file: join(folder, 'port'),
    log_file: join(folder, 'server.log'),
    lock_file: join(folder, 'start.lock'),
  }
}

/** One by one: the recursive form of Node says «not found» where the disk is read-only. */
function makeFolder(path: string, mode: number): void {
  if (existsSync(path)) return
  makeFolder(join(path, '..'), mode)
  mkdirSync(path, { mode })
}

function allowPassage(folder: string): void {
  const { mode, uid } = statSync(folder)
  if (uid === 0 && (mode & 0o001) === 0) chmodSync(folder, (mode & 0o7777) | 0o001)
}

/** Finds the user, the programs and the password, and makes the data folder when there is none. Needs the start lock. */
export async function prepareCluster(place: Place): Promise<Cluster> {
  const fresh = !existsSync(place.data)
  const account = chooseAccount(fresh ? place.folder : place.data)
  if (account && !mayUse(account, place.folder, ['x'])) throw unreachable(account, place.folder)
  const binaries = usableBinaries(packagedBinaries(), place.folder, account)
  const password = fresh ? newPassword(place) : readPassword(place)
  const cluster = { ...place, account, binaries, password }
  await sweep(cluster)
  if (fresh) await initialise(cluster)
  checkVersion(cluster)
  return cluster
}

/** 256 random bits, on the disk before the data folder that knows them; those of an interrupted first start serve again. */
function newPassword(place: Place): string {
  if (existsSync(place.password_file)) return readPassword(place)
  const password = randomBytes(32).toString('base64url')
  writeDurably(place.password_file, password)
  return password
}

/** The password of an existing server; refused when it is lost, since nothing else opens the data. */
export function readPassword(place: Place): string {
  if (!existsSync(place.password_file))
    throw new CannotRun(
      `the file ${place.password_file} is gone and the data folder beside it opens with nothing else`,
      'put the file back from a backup, or set CAURI_HOME to another folder',
    )
  return readFileSync(place.password_file, 'utf8').trim()
}

/** Writes a file that only its owner reads: whole or not at all, also after a power cut. */
export function writeDurably(file: string, text: string): void {
  const aside = `${file}.${process.pid}`
  rmSync(aside, { force: true })
  const fd = openSync(aside, 'wx', 0o600)
  try {
    writeFileSync(fd, `${text}\n`)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  likeItsFolder(aside)
  renameSync(aside, file)
  syncFolder(join(file, '..'))
}

/** What root writes into a user's home stays the user's. */
export function likeItsFolder(file: string): void {
  const { uid, gid } = statSync(join(file, '..'))
  if (process.getuid?.() === 0 && statSync(file).uid !== uid) chownSync(file, uid, gid)
}

function syncFolder(folder: string): void {
  if (process.platform === 'win32') return // a folder cannot be opened there
  const fd = openSync(folder, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

const UNFINISHED = 'data.new-'

const SWEEP_TRIES = 100

/** What interrupted starts and earlier versions left. An initdb whose parent was killed may still be writing for a moment. */
async function sweep(cluster: Cluster): Promise<void> {
  const left = (): string[] =>
    readdirSync(cluster.folder).filter(
      (name) => name.startsWith(UNFINISHED) || isOldCopy(name, cluster.binaries),
    )
  for (let tries = 0; left().length > 0 && tries < SWEEP_TRIES; tries++) {
    if (tries > 0) await pause(50)
    for (const name of left()) rmSync(join(cluster.folder, name), { recursive: true, force: true })
  }
}

/** Runs initdb in a folder aside and renames it: a data folder either is complete or does not exist. */
async function initialise(cluster: Cluster): Promise<void> {
  const aside = join(cluster.folder, `${UNFINISHED}${process.pid}-${randomBytes(4).toString('hex')}`)
  mkdirSync(join(aside, 'data'), { recursive: true, mode: 0o700 })
  writeFileSync(join(aside, 'password'), cluster.password, { mode: 0o600 })
  try {
    if (cluster.account) give(cluster.account, aside)
    await runInitdb(cluster, aside)
    renameSync(join(aside, 'data'), cluster.data)
    syncFolder(cluster.folder)
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}

function give(account: Account, aside: string): void {
  for (const path of [aside, join(aside, 'data'), join(aside, 'password')])
    chownSync(path, account.uid, account.gid)
  if (!mayUse(account, join(aside, 'data'), ['x', 'w', 'O'])) throw unreachable(account, aside)
}

const unreachable = (account: Account, folder: string): CannotRun =>
  new CannotRun(
    `it refuses to run as root and the user «${account.name}», whom it runs as instead, cannot enter or own ${folder}`,
    'set CAURI_HOME to a folder whose parents everyone may enter, such as /var/lib/cauri, or start Cauri as an ordinary user',
  )

/** SCRAM passwords only, UTF-8 with the C order that every machine sorts alike, and checksums on every page. */
async function runInitdb(cluster: Cluster, aside: string): Promise<void> {
  const options = ['-D', join(aside, 'data'), `--pwfile=${join(aside, 'password')}`, '--username=cauri']
  const locale = ['-E', 'UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
  const child = spawn(
    programOf(cluster.binaries, 'initdb'),
    [...options, ...locale, '-A', 'scram-sha-256', '--data-checksums'],
    { ...asUser(cluster.account), cwd: '/', env: cleanEnv(), stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => void (said += part))
  const failed = await new Promise<string | undefined>((resolve) => {
    child.on('error', (error) => resolve(String(error)))
    child.on('close', (code) => resolve(code === 0 ? undefined : said))
  })
  if (failed !== undefined) throw explain(failed, cluster.data)
}

function checkVersion({ data, binaries }: Cluster): void {
  const file = join(data, 'PG_VERSION')
  if (!existsSync(file))
    throw new CannotRun(
      `${data} is not a PostgreSQL data folder`,
      'move it away, or set CAURI_HOME to another folder',
    )
  const major = Number(readFileSync(file, 'utf8'))
  if (major === binaries.major) return
  throw new CannotRun(
    `the data folder ${data} was made by PostgreSQL ${major} and this version of Cauri brings PostgreSQL ${binaries.major}`,
    'start the version of Cauri that made it and export, or set CAURI_HOME to another folder',
  )
}
