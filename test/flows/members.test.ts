import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureOrganization, putMember, type MemberRole } from '../../src/identity/index.ts'
import { sql } from '../../src/platform/db.ts'
import { DEMO_ORGANIZATION } from '../../src/wiring.ts'
import { foreignBatch } from '../harness/foreign.ts'
import { standardCsv } from '../harness/multipart.ts'
import { BEHIND_PROXY, bearer, demoPerson, elsewhere, registerPerson } from '../harness/people.ts'
import { openServer, PAYER, type TestServer } from '../harness/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await openServer({ env: BEHIND_PROXY, worker: false })
})
afterAll(() => server.stop())

type Headers = Readonly<Record<string, string>>
const organizationId = async (name = DEMO_ORGANIZATION): Promise<bigint> =>
  (await server.db.tx((tx) => ensureOrganization(tx, name))).id

/** Somebody new who is a member with these roles; answers his headers. */
async function member(roles: readonly MemberRole[], organization = DEMO_ORGANIZATION): Promise<Headers> {
  const { id, access } = await registerPerson(server)
  const organization_id = await organizationId(organization)
  await server.db.tx((tx) => putMember(tx, { organization_id, person_id: id, roles }))
  return { ...bearer(access), ...elsewhere() }
}

const accounts = (headers: Headers) => server.call('GET', '/api/accounts', undefined, headers)
const codeOf = async (answer: ReturnType<typeof accounts>): Promise<readonly unknown[]> => {
  const { status, body } = await answer
  return [status, body.code]
}

test('a member acts for his organisation, in his own name, and only as his role allows', async () => {
  const manager = await member(['GESTIONNAIRE'])
  expect(
    (await accounts(manager)).body.accounts.map((one: { account_id: string }) => one.account_id),
  ).toContain(PAYER)
  const created = await server.upload(standardCsv(3, 100), {}, { headers: manager })
  expect(created.status).toBe(201)
  const id = created.body.bulkTransferId
  const { actor, role } = await server.db.one<{ actor: string; role: string }>(
    sql`select actor, role from audit_events where action = 'bulk.created' and subject = ${id}`,
  )
  expect([actor, role]).toEqual([expect.stringMatching(/^person:\d+$/), 'GESTIONNAIRE'])
  const supervisor = await member(['SUPERVISEUR'])
  expect((await server.call('GET', `/api/bulk-transfers/${id}/status`, undefined, supervisor)).status).toBe(
    200,
  )
  const pausing = server.call('POST', `/api/bulk-transfers/${id}/pause`, {}, supervisor)
  expect(await codeOf(pausing)).toEqual([403, 'NOT_ALLOWED'])
  const refused = await server.upload(standardCsv(3, 200), {}, { headers: supervisor })
  expect([refused.status, refused.body.code]).toEqual([403, 'NOT_ALLOWED'])
  expect(await server.spooled()).toEqual([])
})

test('what belongs to another organisation does not exist, and neither does that organisation', async () => {
  const foreign = await foreignBatch(server)
  const manager = await member(['GESTIONNAIRE'])
  const seen = server.call('GET', `/api/bulk-transfers/${foreign}/status`, undefined, manager)
  expect(await codeOf(seen)).toEqual([404, 'BULK_NOT_FOUND'])
  const other = String(await organizationId('Une autre caisse'))
  expect(await codeOf(accounts({ ...manager, 'cauri-organization': other }))).toEqual([
    404,
    'ORGANIZATION_NOT_FOUND',
  ])
  expect(await codeOf(accounts({ ...manager, 'cauri-organization': '999999' }))).toEqual([
    404,
    'ORGANIZATION_NOT_FOUND',
  ])
})

test('who is a member nowhere may nothing there, and who is one twice says for which', async () => {
  expect(await codeOf(accounts(await demoPerson(server, 'ADMIN')))).toEqual([403, 'NOT_ALLOWED'])
  const { id, access } = await registerPerson(server)
  const mine = [await organizationId('Première'), await organizationId('Seconde')]
  await server.db.tx(async (tx) => {
    for (const organization_id of mine)
      await putMember(tx, { organization_id, person_id: id, roles: ['SUPERVISEUR'] })
  })
  expect(await codeOf(accounts(bearer(access)))).toEqual([400, 'ORGANIZATION_REQUIRED'])
  const second = { ...bearer(access), 'cauri-organization': String(mine[1]) }
  expect((await accounts(second)).body).toEqual({ accounts: [] })
})

test('a role that is taken away is gone at the next request', async () => {
  const { id, access } = await registerPerson(server)
  const organization_id = await organizationId()
  await server.db.tx((tx) => putMember(tx, { organization_id, person_id: id, roles: ['SUPERVISEUR'] }))
  expect((await accounts(bearer(access))).status).toBe(200)
  await server.db.tx((tx) => putMember(tx, { organization_id, person_id: id, roles: ['DEVELOPPEUR'] }))
  expect(await codeOf(accounts(bearer(access)))).toEqual([403, 'NOT_ALLOWED'])
})

test('two members are two callers: the same Idempotency-Key of both makes two batches', async () => {
  const key = { 'idempotency-key': 'the-same-for-both' }
  const one = await member(['GESTIONNAIRE'])
  const two = await member(['GESTIONNAIRE'])
  const first = await server.upload(standardCsv(2, 5_000), {}, { headers: { ...one, ...key } })
  const again = await server.upload(standardCsv(2, 5_000), {}, { headers: { ...one, ...key } })
  const other = await server.upload(standardCsv(2, 7_000), {}, { headers: { ...two, ...key } })
  expect([first.status, again.status, other.status]).toEqual([201, 201, 201])
  expect(again.body.bulkTransferId).toBe(first.body.bulkTransferId)
  expect(other.body.bulkTransferId).not.toBe(first.body.bulkTransferId)
})
