import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { systemAccount } from '../../src/ledger/index.ts'
import { openDb } from '../../src/platform/db.ts'
import { migrate } from '../../src/platform/migrate.ts'
import { startPostgres } from '../../src/platform/postgres/index.ts'
import { openControl } from './control.ts'
import { openGatedDb } from './gated-db.ts'
import { SLOTS, type Site } from './schedule.ts'

/** A server, and a migrated database in it that is cloned for each site. */
export type Server = { readonly url: string; readonly template: string }

/** Durability is not what interleavings are about; these databases live for one run. */
const FORGETFUL = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }

/** The database's time moves only when the scheduler lets it pass, or a slow machine would make other schedules. */
const CLOCK_OF_THE_SCHEDULE = `create or replace function cauri_now() returns timestamptz language sql stable as
  $$ select timestamptz '2027-01-01 12:00 UTC' + ahead from platform_clock $$`

const databaseAt = (url: string, name: string): string => {
  const other = new URL(url)
  other.pathname = `/${name}`
  return other.href
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

/** A server of our own in a temporary folder, or the one of TEST_DATABASE_URL, with a fresh template in it. */
export async function openServer(): Promise<{
  readonly server: Server
  readonly close: () => Promise<void>
}> {
  const given = process.env['TEST_DATABASE_URL']
  const home = mkdtempSync(join(tmpdir(), 'cauri-interleavings-'))
  chmodSync(home, 0o711)
  const own = given === undefined ? await startPostgres({ home, settings: FORGETFUL }) : undefined
  const url = own?.url ?? given ?? ''
  const template = `cauri_interleavings_${randomBytes(5).toString('hex')}`
  await onServer(url, (client) => client.query(`create database ${template}`))
  await migrate(databaseAt(url, template))
  return {
    server: { url, template },
    close: async () => {
      if (own === undefined)
        await onServer(url, (client) => client.query(`drop database ${template} with (force)`))
      await own?.stop()
      rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}

/** A database of its own for a number of schedules; the checks read all of it each time. */
export async function openSite({
  url,
  template,
}: Server): Promise<Site & { readonly close: () => Promise<void> }> {
  const name = `${template}_${randomBytes(5).toString('hex')}`
  const role = await onServer(url, async (client) => {
    await client.query(`create database ${name} template ${template}`)
    const found = await client.query(`select from pg_roles where rolname = 'cauri_app'`)
    return found.rowCount === 1 ? 'cauri_app' : undefined
  })
  const here = databaseAt(url, name)
  await onServer(here, (client) => client.query(CLOCK_OF_THE_SCHEDULE))
  const folder = mkdtempSync(join(tmpdir(), 'cauri-lists-'))
  const control = await openControl(here)
  const db = openDb({ url: here, max: 3, ...(role === undefined ? {} : { role }) })
  await db.tx(async (tx) => {
    // What the first who needs them would make: a schedule must not depend on those before it.
    await systemAccount(tx, 'float:mojaloop', 'XOF')
    await systemAccount(tx, 'fees:provider', 'XOF')
  })
  const slots = await Promise.all(Array.from({ length: SLOTS }, () => openGatedDb(here, role)))
  return {
    control,
    slots,
    db,
    folder,
    reopen: async (slot) => void (slots[slot] = await openGatedDb(here, role)),
    close: async () => {
      // Whoever hangs in the middle of a schedule that failed must not keep it open.
      for (const slot of slots) slot.cut()
      await control.end()
      await db.end()
      await onServer(url, (client) => client.query(`drop database ${name} with (force)`))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
