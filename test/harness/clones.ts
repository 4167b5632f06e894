import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { migrate } from '../../src/platform/migrate.ts'

/** A running server, and the migrated database in it that fresh ones are cloned from. */
export type CloneSource = { readonly url: string; readonly template: string }

export type Clone = {
  readonly name: string
  /** As the owner. */
  readonly url: string
  /** The application's role where the migrations could make it. */
  readonly role: { readonly role?: 'cauri_app' }
  readonly drop: () => Promise<void>
}

/** For servers whose databases live for one run; durability is what production and the postgres tests have. */
export const FORGETFUL = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }

/** The same server, another database. */
export function databaseUrl(url: string, database: string): string {
  const other = new URL(url)
  other.pathname = `/${database}`
  return other.href
}

/** Runs work on a connection of its own, which is closed afterwards. */
export async function onServer<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Makes a migrated database; `name` begins it. Drops it again when it cannot be migrated. */
export async function makeTemplate(url: string, name: string): Promise<CloneSource> {
  const source = { url, template: `${name}_${randomBytes(6).toString('hex')}` }
  await onServer(url, (client) => client.query(`create database ${source.template}`))
  try {
    await migrate(databaseUrl(url, source.template))
  } catch (error) {
    await dropAll(source)
    throw error
  }
  return source
}

/** A fresh database (about 30 ms). */
export async function cloneTemplate({ url, template }: CloneSource): Promise<Clone> {
  const name = `${template}_${randomBytes(5).toString('hex')}`
  const hasRole = await onServer(url, async (client) => {
    await client.query(`create database ${name} template ${template}`)
    return (await client.query(`select from pg_roles where rolname = 'cauri_app'`)).rowCount === 1
  })
  return {
    name,
    url: databaseUrl(url, name),
    role: hasRole ? { role: 'cauri_app' } : {},
    drop: () => drop(url, name),
  }
}

/** Drops the template. Clones are named after it: one that its own user could not drop goes here too. */
export async function dropAll({ url, template }: CloneSource): Promise<void> {
  const { rows } = await onServer(url, (client) =>
    client.query<{ datname: string }>(`select datname from pg_database where starts_with(datname, $1)`, [
      template,
    ]),
  )
  for (const { datname } of rows) await drop(url, datname)
}

const drop = (url: string, name: string): Promise<void> =>
  onServer(url, async (client) => void (await client.query(`drop database if exists ${name} with (force)`)))
