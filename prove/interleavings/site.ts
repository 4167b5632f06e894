import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemAccount } from '../../src/ledger/index.ts'
import { openDb } from '../../src/platform/db.ts'
import { startPostgres } from '../../src/platform/postgres/index.ts'
import {
  cloneTemplate,
  dropAll,
  FORGETFUL,
  makeTemplate,
  onServer,
  type CloneSource,
} from '../../test/harness/clones.ts'
import { openControl } from './control.ts'
import { openGatedDb } from './gated-db.ts'
import { SLOTS, type Site } from './schedule.ts'

/** The server runs on this machine, which can stop its processes. */
const HERE = process.env['TEST_DATABASE_URL'] === undefined && process.platform !== 'win32'

/**
 * The database's time, for deadlines and for leases, moves only when the scheduler lets it pass, or a slow machine would
 * make other schedules. Whoever names public first finds our clock_timestamp() before PostgreSQL's.
 */
const clockOfTheSchedule = (database: string): string => `
  create or replace function cauri_now() returns timestamptz language sql stable as
  $$ select timestamptz '2027-01-01 12:00 UTC' + ahead from platform_clock $$;
  create function public.clock_timestamp() returns timestamptz language sql volatile as
  $$ select timestamptz '2027-01-01 12:00 UTC' + ahead from platform_clock $$;
  alter database ${database} set search_path = public, pg_catalog;
  ${NO_AUTOVACUUM}`

/** What it learns changes plans, and with them the order of rows, at a moment of its own. */
const NO_AUTOVACUUM = `
  do $$ declare t regclass; begin
    for t in select oid from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace loop
      execute format('alter table %s set (autovacuum_enabled = false)', t);
    end loop;
  end $$`

/** A server of our own in a temporary folder, or the one of TEST_DATABASE_URL, with a fresh template in it. */
export async function openServer(): Promise<{
  readonly server: CloneSource
  readonly close: () => Promise<void>
}> {
  const given = process.env['TEST_DATABASE_URL']
  const home = mkdtempSync(join(tmpdir(), 'cauri-interleavings-'))
  chmodSync(home, 0o711)
  const own = given === undefined ? await startPostgres({ home, settings: FORGETFUL }) : undefined
  const server = await makeTemplate(own?.url ?? given ?? '', 'cauri_interleavings')
  return {
    server,
    close: async () => {
      if (own === undefined) await dropAll(server)
      await own?.stop()
      rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}

/** A database of its own for a number of schedules; the checks read all of it each time. */
export async function openSite(server: CloneSource): Promise<Site & { readonly close: () => Promise<void> }> {
  const { name, url, role, drop } = await cloneTemplate(server)
  await onServer(url, (client) => client.query(clockOfTheSchedule(name)))
  const folder = mkdtempSync(join(tmpdir(), 'cauri-lists-'))
  const control = await openControl(url, HERE)
  const db = openDb({ url, max: 3, ...role })
  await db.tx(async (tx) => {
    // What the first who needs them would make: a schedule must not depend on those before it.
    await systemAccount(tx, 'float:mojaloop', 'XOF')
    await systemAccount(tx, 'fees:provider', 'XOF')
  })
  const slots = await Promise.all(Array.from({ length: SLOTS }, () => openGatedDb(url, role)))
  return {
    control,
    slots,
    db,
    folder,
    reopen: async (slot) => void (slots[slot] = await openGatedDb(url, role)),
    close: async () => {
      // Whoever hangs in the middle of a schedule that failed must not keep it open.
      for (const slot of slots) slot.cut()
      await control.end()
      await db.end()
      await drop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
