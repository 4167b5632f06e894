import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { historyOf } from '../../src/audit/index.ts'
import { checkAll, resumeConnection, runCheck } from '../../src/integrity/index.ts'
import { openDb, sql, type Db } from '../../src/platform/db.ts'
import { openJobs } from '../../src/platform/jobs.ts'
import { openLog } from '../../src/platform/log.ts'
import { standardCsv } from '../harness/multipart.ts'
import { demoPerson } from '../harness/people.ts'
import { openServer, type TestServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { sent } from './world.ts'

/** The whole product, several batches long, on a machine that may be busy. */
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

let server: TestServer
let owner: Db
let admin: Readonly<Record<string, string>>
beforeAll(async () => {
  server = await openServer()
  admin = await demoPerson(server, 'ADMIN')
  owner = openDb({ url: server.database.ownerUrl, max: 1 })
})
afterAll(async () => {
  await owner.end()
  await server.stop()
})

const deps = () => ({ db: server.db, log: openLog('silent'), mode: 'sandbox' }) as const

/** By how much somebody's hand changes the balance of the opening account; 0 mends it. */
async function tamper(by: number): Promise<void> {
  await owner.run(sql`alter table ledger_accounts disable trigger user`)
  await owner.run(sql`
    update ledger_accounts a set balance = s.total + ${by}::bigint
    from (select account_id, sum(amount)::bigint as total from ledger_lines group by account_id) s
    where s.account_id = a.id and a.code = 'opening' and a.currency = 'XOF'`)
  await owner.run(sql`alter table ledger_accounts enable trigger user`)
}

const integrity = async () => (await server.call('GET', '/api/core/integrity', undefined, admin)).body
const isPaid = (batch: bigint, n: number): Promise<unknown> =>
  until(
    `batch ${batch} is paid`,
    async () => {
      const { completed } = await server.db.one<{ completed: number }>(
        sql`select completed from payments_batches where id = ${batch}`,
      )
      return completed === n
    },
    60_000,
  )

test('before the first check nothing is claimed; a check says that all holds, in the reader’s language', async () => {
  expect(await integrity()).toMatchObject({
    state: 'NEVER_RUN',
    checked_at: null,
    payouts: { paused: false },
  })
  const checked = await server.call('POST', '/api/core/integrity/check', undefined, {
    ...admin,
    'accept-language': 'en',
  })
  expect(checked.status).toBe(200)
  expect(checked.body).toMatchObject({ state: 'OK', violations: 0, checked_by: 'person:4' })
  expect(checked.body.invariants).toContainEqual({
    id: 'INV-03',
    name: 'each balance is the sum of its lines',
    holds: true,
    pauses_payouts: true,
    found: [],
  })
  const french = await server.call('GET', '/api/core/integrity', undefined, {
    ...admin,
    'accept-language': 'fr',
  })
  expect(french.body.invariants).toContainEqual(
    expect.objectContaining({ name: 'chaque solde est la somme de ses lignes' }),
  )
})

test('it is an administrator’s business, and nobody’s without credentials, not even on this machine', async () => {
  const buyer = await demoPerson(server, 'BUYER')
  expect((await server.call('GET', '/api/core/integrity', undefined, buyer)).status).toBe(403)
  for (const headers of [{}, { 'x-forwarded-for': '10.0.0.1' }, { authorization: 'Bearer x' }])
    for (const [method, path] of [
      ['GET', '/api/core/integrity'],
      ['POST', '/api/core/integrity/check'],
    ] as const)
      expect((await server.call(method, path, undefined, headers)).status).toBe(401)
})

test('the checks find nothing while batches are being paid', async () => {
  const batches: bigint[] = []
  for (let n = 1; n <= 4; n++) {
    batches.push(await sent(server, standardCsv(150, 10_000 + n * 1_000)))
    expect(await checkAll(server.db)).toEqual([])
    expect(await checkAll(server.db)).toEqual([])
  }
  await Promise.all(batches.map((batch) => isPaid(batch, 150)))
  expect(await checkAll(server.db)).toEqual([])
})

test('one check at a time: while one runs, another is refused', async () => {
  let letGo = (): void => undefined
  const over = new Promise<void>((resolve) => (letGo = resolve))
  const held = owner.tx(async (tx) => {
    await tx.run(sql`select pg_advisory_xact_lock(${0x63_68_65_63_6b}::bigint)`)
    await over
  })
  await until('the lock is held', async () => {
    const { n } = await server.db.one<{ n: bigint }>(
      // Other test files' databases are on the same server, and their checks hold a lock of the same number.
      sql`
        select count(*) as n from pg_locks l join pg_database d on d.oid = l.database
        where d.datname = current_database() and locktype = 'advisory' and objid = ${0x68_65_63_6b}::bigint::oid`,
    )
    return n > 0n
  })
  const refused = await server.call('POST', '/api/core/integrity/check', undefined, admin)
  expect([refused.status, refused.body.code]).toEqual([409, 'INTEGRITY_CHECK_RUNNING'])
  letGo()
  await held
})

test('what does not concern money is told, and pauses nothing', async () => {
  await owner.run(sql`
    insert into platform_idempotency (scope, key, fingerprint, token, lease_until)
    values ('s', 'k', sha256('x'), gen_random_uuid(), clock_timestamp() + interval '1 day')`)
  expect(await runCheck(deps(), 'a test')).toMatchObject({ paused: false, breaches: [{ id: 'INV-24' }] })
  expect(await integrity()).toMatchObject({ state: 'VIOLATED', violations: 1, payouts: { paused: false } })
  expect((await server.call('GET', '/metrics')).text).toMatch(/^cauri_integrity_violations 1$/m)
  await owner.run(sql`delete from platform_idempotency where key = 'k'`)
})

test('a breach pauses payouts within the hourly job; uploads are accepted and wait; only a mended ledger goes on', async () => {
  await tamper(1)
  const queue = await openJobs(server.database.url, { 'ledger.check': {} }, openLog('silent'))
  await server.db.tx((tx) => queue.send(tx, 'ledger.check', {}))
  await until('payouts are paused', async () => (await integrity()).payouts.paused === true, 30_000)
  await queue.stop(1_000)
  const said = await integrity()
  expect(said).toMatchObject({ state: 'VIOLATED', checked_by: 'hourly', violations: 1 })
  expect(said.payouts.because).toMatch(/^check failed: INV-03, .*\(account opening, currency XOF/)
  expect(await historyOf(server.db, 'connection:mojaloop')).toMatchObject([
    { actor: 'integrity', action: 'connection.held', detail: { because: said.payouts.because } },
  ])
  await runCheck(deps(), 'again')
  expect(await historyOf(server.db, 'connection:mojaloop')).toHaveLength(1)
  expect((await server.call('GET', '/metrics')).text).toMatch(/^cauri_integrity_violations 1$/m)

  // The worker reads that it is stopped when it renews its lease, a fifth of 0.9 s later at most.
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  const before = (await server.world.paid()).length
  const batch = await sent(server, standardCsv(5, 3_000))
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  expect((await server.world.paid()).length).toBe(before)
  expect(
    await server.db.one(
      sql`select state, paused, pause_reason from payments_public_batches where id = ${batch}`,
    ),
  ).toMatchObject({ state: 'PENDING', paused: true, pause_reason: said.payouts.because })

  await expect(resumeConnection(deps(), 'mojaloop', 'awa')).rejects.toMatchObject({
    code: 'INTEGRITY_VIOLATED',
    more: { members: { violated: ['INV-03'] } },
  })
  expect((await integrity()).payouts.paused).toBe(true)
  expect((await server.world.paid()).length).toBe(before)

  await tamper(0)
  expect(await resumeConnection(deps(), 'mojaloop', 'awa')).toBe(true)
  expect(await integrity()).toMatchObject({ state: 'OK', payouts: { paused: false, because: null } })
  await isPaid(batch, 5)
  expect(await resumeConnection(deps(), 'mojaloop', 'awa')).toBe(false)
  await expect(resumeConnection(deps(), 'nowhere', 'awa')).rejects.toMatchObject({
    code: 'CONNECTION_NOT_FOUND',
  })
})

test('what a check found is kept as it was', async () => {
  for (const text of [`update integrity_checks set breaches = '[]'`, 'delete from integrity_checks'])
    await expect(owner.run({ text, values: [] })).rejects.toThrow(/append-only/)
})
