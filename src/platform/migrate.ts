import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { sql, type Reader } from './db.ts'
import { sha256 } from './ids.ts'

const FOLDER = fileURLToPath(new URL('../../migrations', import.meta.url))

type Migration = { readonly name: string; readonly sha256: string; readonly text: string }

/**
 * Brings the database up to the code: applies the files `NNNN_name.sql` of the folder that it has not seen, in order,
 * each in one transaction, as the connection's own user (the owner). Of several at once one works and the others
 * wait. Throws, with nothing applied, when an applied file has changed, when the database knows files that the code
 * does not (it is newer), or when a new file is numbered before an applied one.
 */
export async function migrate(
  url: string,
  folder: string = FOLDER,
): Promise<{ readonly applied: readonly string[] }> {
  const migrations = readMigrations(folder)
  const client = new pg.Client({
    connectionString: url,
    application_name: 'cauri migrate',
    connectionTimeoutMillis: 5_000,
  })
  client.on('error', () => undefined) // the statement that was running rejects too
  await client.connect()
  try {
    await client.query(`select pg_advisory_lock(${MIGRATING})`)
    const pending = pendingOf(migrations, await readApplied(client))
    for (const migration of pending) await apply(client, migration)
    await settleRoles(client)
    return { applied: pending.map(({ name }) => name) }
  } finally {
    await client.end()
  }
}

/** The files that the database has not seen, for `/ready`. */
export async function pendingMigrations(db: Reader, folder: string = FOLDER): Promise<readonly string[]> {
  const applied = await db.many<{ name: string }>(sql`select name from platform_migrations`)
  const seen = new Set(applied.map(({ name }) => name))
  return readMigrations(folder)
    .map(({ name }) => name)
    .filter((name) => !seen.has(name))
}

/** The letters «migra», held by the session: it goes with the connection whatever happens. */
const MIGRATING = 0x6d_69_67_72_61

const NAME = /^(\d{4})_[a-z0-9_]+\.sql$/

function readMigrations(folder: string): Migration[] {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .toSorted()
  const numbers = new Set<string>()
  for (const name of names) {
    const number = NAME.exec(name)?.[1]
    if (number === undefined)
      throw new Error(`${join(folder, name)}: a migration is named like 0001_name.sql`)
    if (numbers.has(number)) throw new Error(`${join(folder, name)}: another migration has this number`)
    numbers.add(number)
  }
  return names.map((name) => {
    // A checkout on Windows may end its lines otherwise; that is the same file.
    const text = readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n')
    return { name, text, sha256: sha256(text).toString('hex') }
  })
}

type Applied = Pick<Migration, 'name' | 'sha256'>

async function readApplied(client: pg.Client): Promise<readonly Applied[]> {
  await client.query(`create table if not exists platform_migrations (
    name text primary key, sha256 text not null, applied_at timestamptz not null default now())`)
  return (await client.query<Applied>('select name, sha256 from platform_migrations order by name')).rows
}

function pendingOf(migrations: readonly Migration[], applied: readonly Applied[]): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration]))
  const newer = applied.filter(({ name }) => !known.has(name)).map(({ name }) => name)
  if (newer.length > 0)
    throw new Error(
      `the database is newer than this version of Cauri (it has ${newer.join(', ')}): start the newer version`,
    )
  const changed = applied.filter(({ name, sha256 }) => known.get(name)?.sha256 !== sha256)
  if (changed.length > 0)
    throw new Error(
      `migrations changed after they were applied (${changed.map(({ name }) => name).join(', ')}): ` +
        'put the files back as they were and write a new one',
    )
  const seen = new Set(applied.map(({ name }) => name))
  const pending = migrations.filter(({ name }) => !seen.has(name))
  const last = applied.at(-1)?.name ?? ''
  const late = pending.find(({ name }) => name < last)
  if (late)
    throw new Error(`migration ${late.name} is numbered before ${last}, which is applied: renumber it`)
  return pending
}

/** Waits 5 s at most for a table in use: a queue of waiting requests behind a migration is worse than a failed one. */
async function apply(client: pg.Client, { name, sha256, text }: Migration): Promise<void> {
  try {
    await client.query(`begin; set local lock_timeout = '5s'`)
    await client.query(text).catch((cause: unknown) => {
      throw new Error(`${messageOf(cause)}${lineOf(cause, text)}`, { cause })
    })
    await client.query('insert into platform_migrations (name, sha256) values ($1, $2)', [name, sha256])
    await client.query('commit')
  } catch (cause) {
    await client.query('rollback').catch(() => undefined) // the cause is what matters
    throw new Error(`migration ${name} failed: ${messageOf(cause)}`, { cause })
  }
}

/** Roles are the server's, not the database's: somebody may have made them, or lost them, since the migrations ran. */
async function settleRoles(client: pg.Client): Promise<void> {
  const { rowCount } = await client.query(
    `select where to_regprocedure('platform_settle_roles()') is not null`,
  )
  if (rowCount === 1)
    await client.query(`begin; set local lock_timeout = '5s'; select platform_settle_roles(); commit`)
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function lineOf(error: unknown, text: string): string {
  const position = error instanceof pg.DatabaseError ? Number(error.position) : Number.NaN
  return position > 0 ? ` (line ${text.slice(0, position).split('\n').length})` : ''
}
