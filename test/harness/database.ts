import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, inject } from 'vitest'
import { openDb, type Db } from '../../src/platform/db.ts'
import { databaseUrl } from './global.ts'

export type FreshDatabase = {
  /** As the owner; the application itself is given this one and takes its role by itself. */
  readonly url: string
  /** As the application: role `cauri_app` when the migrations made it. */
  readonly db: Db
  /** The same as `url`, named for tests that mean the owner's rights. */
  readonly ownerUrl: string
  /** Ends `db` and drops the database; done at the end of the test file anyway. */
  readonly drop: () => Promise<void>
}

/** A database of this test file's own, cloned from the migrated template (about 30 ms). */
export async function freshDatabase(): Promise<FreshDatabase> {
  const { url: server, template } = inject('server')
  const name = `${template}_${randomBytes(5).toString('hex')}`
  const hasRole = await onServer(server, async (client) => {
    await client.query(`create database ${name} template ${template}`)
    return (await client.query(`select from pg_roles where rolname = 'cauri_app'`)).rowCount === 1
  })
  const url = databaseUrl(server, name)
  const db = openDb({ url, name: 'cauri test', ...(hasRole ? { role: 'cauri_app' } : {}) })
  let dropped: Promise<void> | undefined
  const drop = (): Promise<void> => (dropped ??= dropNow(server, name, db))
  atEnd(drop)
  return { url, db, ownerUrl: url, drop }
}

async function dropNow(server: string, name: string, db: Db): Promise<void> {
  await db.end()
  await onServer(server, (client) => client.query(`drop database if exists ${name} with (force)`))
}

async function onServer<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Inside a test `afterAll` cannot be registered any more; the clean-up then waits in the list of the file. */
const ends: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})
const atEnd = (end: () => Promise<void>): void => void ends.push(end)
