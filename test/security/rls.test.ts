import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { listMemberships, putMember } from '../../src/identity/index.ts'
import { migrate } from '../../src/platform/migrate.ts'
import { openAs, openDb, sql, type Db, type ProcessRole } from '../../src/platform/db.ts'
import { databaseUrl } from '../harness/clones.ts'
import { FOREIGN_ACCOUNT, foreignBatch } from '../harness/foreign.ts'
import { ask } from '../harness/home.ts'
import { standardCsv } from '../harness/multipart.ts'
import { tracesOf } from '../harness/traces.ts'
import { BEHIND_PROXY, bearer, elsewhere, registerPerson } from '../harness/people.ts'
import { seeded } from '../harness/seed.ts'
import { openServer, type TestServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { changeable, guarded, tables } from './guarded.ts'
import { furnish, type Furnished } from './furnish.ts'
import { MAKES_A_ROW, openHoled } from './holed.ts'

let server: TestServer
let owner: Db
let api: Db
let worker: Db
let reader: Db
/** The demo organisation, and another one; a person who is a member of each. */
let A: bigint
let B: bigint
/** A batch of the other one. */
let foreign: string
/** What else it has. */
let theirs: Furnished
let people: Readonly<Record<'A' | 'B', { readonly id: bigint; readonly access: string }>>

const rows = <T extends object = Record<string, unknown>>(db: Db, text: string): Promise<T[]> =>
  db.many<T>({ text, values: [] })
const count = async (db: Db, from: string): Promise<number> =>
  Number((await rows<{ n: bigint }>(db, `select count(*) as n from ${from}`))[0]?.n)

beforeAll(async () => {
  server = await openServer({ env: BEHIND_PROXY, worker: false })
  const { url } = server.database
  const open = (role: ProcessRole, max = 1): Promise<Db> => openAs(url, role, { max })
  owner = openDb({ url, max: 2 })
  ;[api, worker, reader] = await Promise.all([
    open('cauri_api', 4),
    open('cauri_worker'),
    open('cauri_reader'),
  ])
  await server.upload(standardCsv(2, 500))
  foreign = await foreignBatch(server)
  const organization = async (name: string): Promise<bigint> =>
    (await owner.one<{ id: bigint }>(sql`select id from identity_organizations where name = ${name}`)).id
  ;[A, B] = [await organization('Caisse de démonstration'), await organization('Une autre caisse')]
  const member = async (organization_id: bigint) => {
    const { id, access } = await registerPerson(server)
    await owner.tx((tx) => putMember(tx, { organization_id, person_id: id, roles: ['GESTIONNAIRE'] }))
    return { id, access }
  }
  people = { A: await member(A), B: await member(B) }
  await furnish(owner, { organization_id: A, person_id: people.A.id })
  theirs = await furnish(owner, { organization_id: B, person_id: people.B.id })
  await owner.run(sql`
    insert into identity_stream_tickets (hash, session_id, person_id, organization_id, expires_at)
    select sha256(convert_to(s.id, 'UTF8')), s.id, m.person_id, m.organization_id, cauri_now() + interval '1 minute'
    from identity_sessions s join identity_members m using (person_id)`)
  for (const organization of [A, B])
    await owner.run(sql`
      insert into payments_incoming (transfer_id, home_reference, account_id, payee_type, payee_identifier, payer_type,
        payer_identifier, amount, currency, state, digest)
      select 'in-' || id, 'home-' || id, id, 'MSISDN', '1', 'MSISDN', '2', 1, currency, 'RESERVED', sha256('x')
      from payments_accounts where organization_id = ${organization}`)
  return async () => {
    await Promise.all([owner, api, worker, reader].map((db) => db.end()))
    await server.stop()
  }
})

describe('the schema', () => {
  test('each table that names an organisation is guarded, and those that lead to one', async () => {
    const found = await rows<{ name: string; guarded: boolean; policies: string[] }>(
      owner,
      `select c.relname as name, c.relrowsecurity as guarded,
         array(select polname::text from pg_policy where polrelid = c.oid order by 1) as policies
       from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and (c.relrowsecurity
         or exists (select from pg_attribute where attrelid = c.oid and attname = 'organization_id' and not attisdropped))
       order by 1`,
    )
    for (const one of found) {
      expect(one).toMatchObject({ guarded: true })
      // One for those who see everything, and what the API's statements are asked.
      expect(one.policies, one.name).toContain('everything')
      expect(one.policies.length, one.name).toBeGreaterThan(1)
    }
    // A new one belongs in the list above, so that the tests below try it.
    expect(found.map(({ name }) => name)).toEqual(tables)
  })

  test('no view and no function lends its owner’s rights, but two triggers of the ledger', async () => {
    const lent = `select relname::text as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('v', 'm')
      and not coalesce(reloptions @> array['security_invoker=true'], false)`
    expect(await rows(owner, lent)).toEqual([])
    const definers = `select p.oid::regproc::text as name, prorettype::regtype::text as returns, proconfig as settings
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where prosecdef and nspname not in ('pg_catalog', 'information_schema') order by 1`
    // They return a trigger, so that nobody can call them; they keep balances, which nobody else may touch.
    const settings = ['search_path=public, pg_temp']
    expect(await rows(owner, definers)).toEqual([
      { name: 'ledger_entry_has_lines', returns: 'trigger', settings },
      { name: 'ledger_lines_inserted', returns: 'trigger', settings },
    ])
  })

  test('no role of a process may change the past, or take another role’s place', async () => {
    const frozen = {
      ledger_accounts: 'code',
      ledger_entries: 'kind',
      ledger_lines: 'amount',
      audit_events: 'actor',
      audit_leaves: 'hash',
      audit_log: 'log_id',
    }
    for (const [role, db] of Object.entries({
      cauri_api: api.forAll(),
      cauri_worker: worker,
      cauri_reader: reader,
    })) {
      for (const [table, column] of Object.entries(frozen))
        for (const statement of [
          `update ${table} set ${column} = ${column}`,
          `delete from ${table}`,
          `truncate ${table}`,
        ])
          await expect(rows(db, statement), `${role}: ${statement}`).rejects.toThrow(/permission denied/)
      await expect(rows(db, 'create table mine ()'), role).rejects.toThrow(/permission denied/)
      expect(
        await rows(
          db,
          `select rolsuper or rolbypassrls or rolcreaterole or rolcanlogin as may from pg_roles
        where rolname = current_user`,
        ),
      ).toEqual([{ may: false }])
      const owned = `select 1 from pg_class where pg_get_userbyid(relowner) = current_user`
      expect(await rows(db, owned)).toEqual([])
    }
  })
})

describe('a statement of the API', () => {
  test.each(tables)(
    'sees its own rows of %s, everybody’s only when it asks for all, and none unasked',
    async (table) => {
      const whose = `${guarded[table]}`
      const [of_a, of_b, all] = await Promise.all(
        [`${table} where ${whose} = ${A}`, `${table} where ${whose} = ${B}`, table].map((from) =>
          count(owner, from),
        ),
      )
      expect(of_a).toBeGreaterThan(0)
      expect(of_b).toBeGreaterThan(0)
      expect([
        await count(api.forOrganization(A), table),
        await count(api.forOrganization(B), table),
      ]).toEqual([of_a, of_b])
      expect(await count(api.forAll(), table)).toBe(all)
      expect(await count(worker, table)).toBe(all)
      expect(await count(api, table)).toBe(0)
      expect(await count(api.forOrganization(0n), table)).toBe(0)
      // A transaction asks the same.
      await api.forOrganization(A).tx(async (tx) => {
        expect(await tx.run({ text: `select from ${table}`, values: [] })).toBe(of_a)
      })
      const mine = { identity_members: 1, identity_organizations: 1, identity_stream_tickets: 1 }[table] ?? 0
      expect(await count(api.forPerson(people.A.id), table)).toBe(mine)
    },
  )

  test('changes and deletes nothing that is not its own, and writes nothing into it', async () => {
    const before = await fingerprint()
    const mine = api.forOrganization(A)
    for (const table of tables) {
      const column = changeable[table]
      for (const statement of [
        `update ${table} set ${column} = ${column} where ${guarded[table]} = ${B}`,
        `delete from ${table} where ${guarded[table]} = ${B}`,
      ])
        expect(await touched(mine, statement), statement).toBe(0)
      // Not even when it does not ask whose they are: nobody in particular, and a person, own none but his tickets.
      const owners = table === 'identity_stream_tickets' ? [api] : [api, api.forPerson(people.A.id)]
      for (const db of owners)
        for (const statement of [`update ${table} set ${column} = ${column}`, `delete from ${table}`])
          expect(await touched(db, statement), statement).toBe(0)
    }
    for (const statement of [
      `insert into audit_events (actor, action, subject, organization_id) values ('x', 'x', 'x', ${B})`,
      `insert into identity_members (organization_id, person_id, roles) values (${B}, ${people.A.id}, array['TRESORIER'])`,
      `insert into identity_organizations (name) values ('Troisième')`,
      `insert into identity_stream_tickets (hash, session_id, person_id, organization_id, expires_at)
        select sha256('x'), session_id, person_id, ${B}, expires_at from identity_stream_tickets`,
      `insert into payments_accounts (organization_id, account_id, party_id_type, party_identifier, currency, ledger_account_id)
        values (${B}, 'ACC-MINE', 'MSISDN', '1', 'XOF', 1)`,
      `insert into identity_approval_limits (organization_id, currency, amount) values (${B}, 'XAF', 1)`,
      `insert into identity_service_accounts (organization_id, name, created_by) values (${B}, 'mine', 'x')`,
      // One's own row, given away.
      `update identity_invitations set organization_id = ${B}`,
      `update payments_top_ups set account_id = (select max(id) + 1 from payments_accounts)`,
      `update identity_members set organization_id = ${B} where person_id = ${people.A.id}`,
      `update payments_accounts set organization_id = ${B}`,
      `update payments_batches set account_id = (select max(id) + 1 from payments_accounts)`,
    ])
      await expect(rows(mine, statement), statement).rejects.toThrow(/violates row-level security policy/)
    expect(await fingerprint()).toBe(before)
  })

  test('writes acts of nobody’s organisation, which it cannot read', async () => {
    const act = {
      text: `insert into audit_events (actor, action, subject) values ('x', 'x', 'rls')`,
      values: [],
    }
    for (const db of [api, api.forPerson(people.A.id), api.forOrganization(A)]) {
      expect(await db.run(act)).toBe(1)
      expect(await count(db, `audit_events where subject = 'rls'`)).toBe(0)
    }
    expect(await count(api.forAll(), `audit_events where subject = 'rls'`)).toBe(3)
  })

  test('finds nothing of another organisation in any view that leads to one', async () => {
    const views = await rows<{ name: string }>(
      owner,
      `select relname::text as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'v' order by 1`,
    )
    // Keyed by batch, account or entry, which are guarded; the ledger knows no organisation, people have none.
    const open = [
      'identity_people_read',
      'ledger_public_accounts',
      'ledger_public_entries',
      'ledger_public_lines',
      'payments_public_occupied',
    ]
    const marks = `'ACC-FOREIGN|Une autre caisse|tx-900000|tx-900001|22890000000'`
    for (const { name } of views) {
      const leaks = `${name} v where v::text ~ ${marks}`
      if (!open.includes(name)) {
        expect(await count(api.forOrganization(A), leaks), name).toBe(0)
        expect(await count(api, name), name).toBe(0)
        expect(await count(api.forOrganization(B), name), name).toBeGreaterThan(0)
      }
    }
    expect(views.length).toBeGreaterThan(open.length + 4)
    expect(await listMemberships(api.forOrganization(A), people.B.id)).toEqual([])
    expect(await listMemberships(api.forPerson(people.B.id), people.A.id)).toEqual([])
    expect(await listMemberships(api.forPerson(people.B.id), people.B.id)).toHaveLength(1)
  })
})

/** Rows that a statement touched; what may not even be tried touches none. */
const touched = (db: Db, text: string): Promise<number> =>
  db.run({ text, values: [] }).catch((error: unknown) => {
    if (
      error instanceof pg.DatabaseError &&
      error.code === '42501' &&
      /permission denied/.test(error.message)
    )
      return 0
    throw error
  })

/** Every guarded row, as one hash. */
const fingerprint = async (): Promise<string> => {
  const parts = await Promise.all(
    tables.map((table) =>
      rows<{ h: string }>(
        owner,
        `select md5(string_agg(t::text, '|' order by t::text)) as h from ${table} t`,
      ),
    ),
  )
  return parts.map(([one]) => one?.h).join(' ')
}

describe('a connection', () => {
  test('of four, used by sixty-four at once, shows nobody what is not his, whatever breaks meanwhile', async () => {
    const { random } = seeded('scopes')
    const pool = await openAs(server.database.url, 'cauri_api', { max: 4 })
    const whose = sql`select distinct organization_id as id from payments_accounts order by 1`
    const scopes: readonly (readonly [Db, readonly bigint[]])[] = [
      [pool.forOrganization(A), [A]],
      [pool.forOrganization(B), [B]],
      [pool.forAll(), [A, B]],
      [pool, []],
      [pool.forPerson(people.A.id), []],
    ]
    let looked = 0
    const look = async (db: Pick<Db, 'many'>, expected: readonly bigint[]): Promise<void> => {
      expect((await db.many<{ id: bigint }>(whose)).map(({ id }) => id)).toEqual(expected)
      looked++
    }
    const deeds: readonly ((db: Db, seen: readonly bigint[]) => Promise<unknown>)[] = [
      look,
      look,
      (db, seen) => db.tx((tx) => look(tx, seen)),
      (db, seen) => db.snapshot((tx) => look(tx, seen), 5_000),
      (db, seen) =>
        db.tx(async (tx) => {
          await look(tx, seen)
          throw new Error('on purpose')
        }),
      (db) => db.many(sql`select 1 / 0`),
      (db, seen) => db.tx((tx) => look(tx, seen).then(() => tx.many(sql`select 1 / 0`))),
      (db, seen) =>
        db.tx((tx) => look(tx, seen).then(() => tx.many(sql`select pg_terminate_backend(pg_backend_pid())`))),
      (db) => db.many(sql`select pg_terminate_backend(pg_backend_pid())`),
    ]
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
    const failed: string[] = []
    for (let round = 0; round < 6; round++)
      await Promise.all(
        Array.from({ length: 64 }, async () => {
          const [[db, seen], deed] = [pick(scopes), pick(deeds)]
          await deed(db, seen).catch((error: unknown) => {
            const said = error instanceof Error ? error.message : String(error)
            if (!/on purpose|division by zero|terminat|Connection|closed/i.test(said)) failed.push(said)
          })
        }),
      )
    expect(failed).toEqual([])
    expect(looked).toBeGreaterThan(100)
    await Promise.all(Array.from({ length: 32 }, () => look(pool, [])))
    await pool.end()
  })

  test('is told for whom it asks once, and a transaction tells it without a trip of its own', async () => {
    const pool = await openAs(server.database.url, 'cauri_api', { max: 1 })
    const sent: string[] = []
    // oxlint-disable-next-line typescript/unbound-method -- it is applied to its own client below
    const query = pg.Client.prototype.query as (...args: unknown[]) => unknown
    const spy = vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (
      this: pg.Client,
      ...args: unknown[]
    ) {
      const [first] = args
      sent.push(typeof first === 'string' ? first : String((first as { text?: unknown }).text))
      return query.apply(this, args) as never
    })
    const one = sql`select 1`
    for (let i = 0; i < 3; i++) await pool.forOrganization(A).one(one)
    await pool.forOrganization(A).tx((tx) => tx.one(one))
    await pool.forOrganization(B).tx((tx) => tx.one(one))
    await pool.forOrganization(A).one(one)
    await pool.one(one)
    spy.mockRestore()
    const [a, b] = [`set session cauri.scope = '${A}'`, `begin; set local cauri.scope = '${B}'`]
    const s = 'select 1'
    expect(sent).toEqual([
      a,
      s,
      s,
      s,
      'begin',
      s,
      'commit',
      b,
      s,
      'commit',
      s,
      `set session cauri.scope = ''`,
      s,
    ])
    await expect(pool.forOrganization(`1'; reset role; --` as unknown as bigint).one(one)).rejects.toThrow(
      /not spelt so/,
    )
    await pool.end()
  })
})

test('two organisations ask the server sixty-four things at once, and each is told of its own', async () => {
  const answers = await Promise.all(
    Array.from({ length: 64 }, async (_, i) => {
      const who = i % 2 === 0 ? 'A' : 'B'
      const path = i % 4 < 2 ? '/api/accounts' : '/api/bulk-transfers/history'
      const headers = { ...bearer(people[who].access), ...elsewhere() }
      const answer = await until('it is let in', async () => {
        const said = await server.call('GET', path, undefined, headers)
        return said.status !== 503 && said
      })
      return { who, ...answer }
    }),
  )
  for (const { who, status, text } of answers) {
    expect(status).toBe(200)
    expect(text.includes(FOREIGN_ACCOUNT)).toBe(who === 'B')
    expect(text.includes('ACC-123456789')).toBe(who === 'A')
  }
})

test('a route that asks for another organisation’s rows finds none and changes none', async () => {
  const calls = await openAs(server.database.url, 'cauri_api', { max: 4 })
  const believed = { organization_id: B, person_id: people.A.id }
  const holed = await openHoled(server, { caller: A, believed, calls })
  // Before: the hole is a hole. Without the second net the same calls find what is not theirs.
  const open = await openHoled(server, { caller: A, believed, calls: server.db })
  const whose = {
    ...theirs,
    organization: String(B),
    batch: foreign,
    account_id: FOREIGN_ACCOUNT,
    transferId: 'tx-900000',
  }
  const found = new RegExp(
    `"total":[12]\\b|tx-900000|"available":|"movements":\\[\\{|${Object.values(theirs).join('|')}|"name":"(paie|Une autre caisse)"`,
  )
  const seen: string[] = []
  const reading = open.routes.filter(({ method }) => method === 'GET')
  for (const route of reading) {
    const { text } = await open.call(route, whose)
    if (found.test(text)) seen.push(route.path)
  }
  expect(seen).toEqual(reading.map(({ path }) => path))
  await open.close()

  const before = [await fingerprint(), await tracesOf(owner)]
  for (const route of holed.routes) {
    const { status, text } = await holed.call(route, whose)
    const which = `${route.method} ${route.path} ${status} ${text}`
    expect(text, which).not.toMatch(/Une autre caisse|22890000000|"completed"|"movements"|"transferId":/)
    if (status < 300) expect(which).toMatch(/"[a-z_]+":\[\]/)
    // What would write a first row of theirs, PostgreSQL refuses: a fault of ours, and a 500. Who is no member there may nothing.
    else expect(MAKES_A_ROW.has(route.operation_id ?? '') ? [500] : [403, 404], which).toContain(status)
  }
  expect([await fingerprint(), await tracesOf(owner)]).toEqual(before)
  await Promise.all([holed.close(), calls.end()])
})

describe('the reader', () => {
  test('reads every table and view but what is secret', async () => {
    const hidden = await rows<{ column: string }>(
      owner,
      `select c.relname || '.' || a.attname as column from pg_class c join pg_attribute a on a.attrelid = c.oid
       where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and a.attnum > 0 and not a.attisdropped
         and not has_column_privilege('cauri_reader', c.oid, a.attnum, 'select') order by 1`,
    )
    const names = hidden.map(({ column }) => column)
    const speaking = await rows<{ column: string }>(
      owner,
      `select c.relname || '.' || a.attname as column from pg_class c join pg_attribute a on a.attrelid = c.oid
       where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and a.attnum > 0 and not a.attisdropped
         and a.attname ~ 'hash|secret|sealed|phc|key|password' order by 1`,
    )
    // What a list_hash is made of he reads anyway.
    expect(speaking.filter(({ column }) => !names.includes(column)).map(({ column }) => column)).toEqual([
      'bulk_approvals.list_hash',
      'bulk_batches.list_hash',
      'bulk_public_batches.list_hash',
      // Which key it is, not the key.
      'kyc_checks.found_key_version',
      'kyc_documents.key_version',
    ])
    for (const column of [
      'identity_passwords.phc',
      'identity_refresh_tokens.hash',
      'identity_refresh_tokens.sealed_successor',
      'identity_codes.code_hash',
      'identity_signing_keys.sealed_private_key',
      'identity_second_factors.sealed_secret',
      'identity_recovery_codes.hash',
      'payments_batches.secret',
      'notifications_messages.text',
      'platform_outbox.payload',
      'platform_idempotency.body',
    ])
      expect(names).toContain(column)
    const views = `select relname::text as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v')`
    for (const { name } of await rows<{ name: string }>(owner, views))
      expect(await count(reader, name), name).toBeGreaterThanOrEqual(0)
    expect(await count(reader, 'bulk_public_batches')).toBe(await count(owner, 'bulk_public_batches'))
    expect((await rows(reader, 'select * from bulk_public_batches')).length).toBeGreaterThan(1)
    await expect(rows(reader, 'select * from identity_passwords')).rejects.toThrow(/permission denied/)
    await expect(rows(reader, 'select m from notifications_messages m')).rejects.toThrow(/permission denied/)
    await expect(rows(reader, 'select * from pgboss.job')).rejects.toThrow(/permission denied|does not exist/)
  })

  test('changes nothing, by no table and by no function', async () => {
    const may = await rows(
      owner,
      `select c.relname, p.what from pg_class c, unnest(array['insert', 'update', 'delete', 'truncate', 'references', 'trigger']) as p(what)
       where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and has_table_privilege('cauri_reader', c.oid, p.what)`,
    )
    expect(may).toEqual([])
    const before = await fingerprint()
    const post = `select ledger_post(array['r'], array['k'], array[2], array[sha256('x')], array[1, 1], array[1, 2], array[-1, 1],
      array[null, null]::bigint[], array[null, null]::integer[], array[null, null]::smallint[])`
    for (const text of [
      post,
      'select platform_advance_clock(1)',
      `select nextval('payments_batches_id_seq')`,
      `select payments_claim(id, worker, token, 1, 0) from payments_connections`,
      'select platform_settle_roles()',
      `select platform_guard('payments_lines')`,
    ])
      await rows(reader, text).catch((error: unknown) =>
        expect(String(error)).toMatch(/permission denied|must be owner/),
      )
    expect(await fingerprint()).toBe(before)
    expect(await rows(reader, 'select ahead from platform_clock')).toEqual(
      await rows(owner, 'select ahead from platform_clock'),
    )
  })

  test('is given what a later migration brings, without its secrets', async () => {
    await owner.run(
      sql`create table webhooks_trials (id int, organization_id bigint, api_key_hash text, note text)`,
    )
    await owner.run(sql`comment on column webhooks_trials.note is 'Secret: nobody knows'`)
    await owner.one(sql`select platform_guard_module('webhooks')`)
    await owner.run(sql`insert into webhooks_trials values (1, ${A}, 'x', 'x'), (2, ${B}, 'y', 'y')`)
    await migrate(server.database.ownerUrl)
    expect(await rows(reader, 'select id, organization_id from webhooks_trials')).toHaveLength(2)
    for (const column of ['api_key_hash', 'note'])
      await expect(rows(reader, `select ${column} from webhooks_trials`)).rejects.toThrow(/permission denied/)
    expect(await rows(api.forOrganization(B), 'select id from webhooks_trials')).toEqual([{ id: 2 }])
    expect(await rows(worker, 'select id from webhooks_trials')).toHaveLength(2)
    await owner.run(sql`drop table webhooks_trials`)
  })
})

describe('a database', () => {
  const source = inject('server')
  const fresh = async (name: string, more = ''): Promise<string> => {
    const database = `${source.template}_${name}_${process.pid}`
    await ask(source.url, `create database ${database} ${more} template template0`)
    return databaseUrl(source.url, database)
  }
  const drop = (url: string): Promise<unknown> =>
    ask(source.url, `drop database ${new URL(url).pathname.slice(1)} with (force)`)

  test('of an earlier release, with its rows, is guarded by whichever of eight starts comes first', async () => {
    const url = await fresh('upgraded')
    const from = join(import.meta.dirname, '../../migrations')
    const folder = mkdtempSync(join(tmpdir(), 'cauri-earlier-'))
    for (const name of readdirSync(from).filter((one) => one < '0030'))
      writeFileSync(join(folder, name), readFileSync(join(from, name)))
    await migrate(url, folder)
    const old = openDb({ url, max: 1, role: 'cauri_app' })
    for (const name of ['un', 'deux'])
      await old.run(sql`insert into identity_organizations (name) values (${name})`)
    await old.run(
      sql`insert into audit_events (actor, action, subject, organization_id) values ('x', 'x', 'x', 1), ('x', 'x', 'x', 2), ('x', 'x', 'x', null)`,
    )
    const all = await Promise.all(Array.from({ length: 8 }, () => migrate(url)))
    expect(all.flatMap(({ applied }) => applied).filter((name) => name < '0035')).toEqual(
      ['platform', 'identity', 'audit', 'payments', 'bulk'].map((module, i) => `003${i}_${module}.sql`),
    )
    const now = await openAs(url, 'cauri_api', { max: 1 })
    expect([await count(now, 'audit_events'), await count(now.forOrganization(1n), 'audit_events')]).toEqual([
      0, 1,
    ])
    expect(await rows(now.forOrganization(2n), 'select name from identity_organizations')).toEqual([
      { name: 'deux' },
    ])
    // A process of the earlier release goes on as before.
    expect([await count(old, 'audit_events'), await count(old, 'identity_organizations')]).toEqual([3, 2])
    await Promise.all([old.end(), now.end()])
    rmSync(folder, { recursive: true })
    await drop(url)
  })

  test('whose user may make no roles works as its owner, and says so', async () => {
    const user = `cauri_limited_${process.pid}`
    await ask(source.url, `create role ${user} login password 'x'`)
    const url = new URL(await fresh('limited', `owner ${user}`))
    Object.assign(url, { username: user, password: 'x' })
    await migrate(url.href)
    const told: string[] = []
    for (const role of ['cauri_api', 'cauri_worker', 'cauri_reader'] as const) {
      const db = await openAs(url.href, role, { max: 1, onRole: (taken) => told.push(taken) })
      await db.run(sql`insert into identity_organizations (name) values (${role})`)
      expect(await count(db.forOrganization(7n), 'identity_organizations')).toBe(told.length)
      await db.end()
    }
    expect(told).toEqual(['the owner', 'the owner', 'the owner'])

    // Somebody who may has made them since: they count from the next start.
    await ask(source.url, `grant cauri_app, cauri_api, cauri_worker, cauri_reader to ${user}`)
    await migrate(url.href)
    for (const [role, seen] of [
      ['cauri_api', 0],
      ['cauri_worker', 3],
      ['cauri_reader', 3],
    ] as const) {
      const db = await openAs(url.href, role, { max: 1, onRole: (taken) => told.push(taken) })
      expect(await count(db, 'identity_organizations')).toBe(seen)
      await db.end()
    }
    expect(told.slice(3)).toEqual(['cauri_api', 'cauri_worker', 'cauri_reader'])
    await drop(url.href)
    await ask(source.url, `drop role ${user}`)
  })
})
