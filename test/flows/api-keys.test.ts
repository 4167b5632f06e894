import { afterAll, beforeAll, expect, test } from 'vitest'
import { keyScopes } from '../../src/identity/index.ts'
import { openServer, type Answer, type TestServer } from '../harness/server.ts'
import { sql } from '../../src/platform/db.ts'
import { newMember, newOrganization, type TestMember, type TestOrganization } from '../harness/members.ts'
import { standardCsv } from '../harness/multipart.ts'
import { BEHIND_PROXY, bearer, elsewhere } from '../harness/people.ts'
import { until } from '../harness/wait.ts'

let server: TestServer
let production: TestServer
beforeAll(async () => {
  server = await openServer({ env: BEHIND_PROXY, worker: false })
  production = await openServer({
    worker: false,
    env: {
      ...BEHIND_PROXY,
      CAURI_MODE: 'production',
      DATABASE_URL: 'postgres://unused', // the harness opens its own
      PUBLIC_URL: 'https://cauri.example',
      SECRET_KEY: 'x'.repeat(40),
      FIELD_ENCRYPTION_KEY: 'y'.repeat(40),
    },
  })
})
afterAll(() => Promise.all([server.stop(), production.stop()]))

type Headers = Readonly<Record<string, string>>
type Site = { readonly organization: TestOrganization; readonly developer: TestMember }

async function newSite(at = server): Promise<Site> {
  const organization = await newOrganization(at)
  return { organization, developer: await newMember(at, organization, ['DEVELOPPEUR']) }
}

async function newKey({ developer }: Site, wanted: object = {}, at = server): Promise<Answer['body']> {
  const body = { service_account: 'paie', scopes: ['bulk.read', 'accounts.read'], ...wanted }
  const said = await at.call('POST', '/api/api-keys', body, developer.headers)
  if (said.status !== 201) throw new Error(`${said.status} ${said.text}`)
  return said.body
}

const as = (secret: string, more: Headers = elsewhere()): Headers => ({ ...bearer(secret), ...more })
async function accounts(headers: Headers, at = server): Promise<readonly unknown[]> {
  const said = await at.call('GET', '/api/accounts', undefined, headers)
  return said.status === 200
    ? [200, said.body.accounts.map((one: { account_id: string }) => one.account_id)]
    : [said.status, said.body.code]
}
const REFUSED = [401, 'AUTHENTICATION_REQUIRED']
const BASE32 = '0123456789abcdefghjkmnpqrstvwxyz'

test('a key acts for its organisation and only within its scopes, and the trail names it', async () => {
  const site = await newSite()
  const key = await newKey(site)
  expect(key.secret).toMatch(new RegExp(`^ck_test_${key.id}_[${BASE32}]{39}$`))
  expect(await accounts(as(key.secret))).toEqual([200, [site.organization.account_id]])
  const other = { 'cauri-organization': String((await newSite()).organization.id) }
  expect(await accounts({ ...as(key.secret), ...other })).toEqual([404, 'ORGANIZATION_NOT_FOUND'])
  const creating = { payer_account: site.organization.account_id }
  const refused = await server.upload(standardCsv(1, 10), creating, { headers: as(key.secret) })
  expect([refused.status, refused.body.code]).toEqual([403, 'NOT_ALLOWED'])
  for (const path of ['/api/auth/profile', '/api/api-keys', '/api/core/integrity'])
    expect((await server.call('GET', path, undefined, as(key.secret))).status).toBe(403)

  const maker = await newKey(site, { scopes: ['bulk.create'] })
  const made = await server.upload(standardCsv(1, 20), creating, { headers: as(maker.secret) })
  expect(made.status).toBe(201)
  const acts = await server.db.many(sql`
    select actor, organization_id from audit_events where action = 'bulk.created' and subject = ${made.body.bulkTransferId}`)
  expect(acts).toEqual([{ actor: `key:${maker.id}`, organization_id: site.organization.id }])
})

test('no scope beyond the matrix, no address that is none, no expiry in the past', async () => {
  const site = await newSite()
  const wrong = [
    { scopes: ['members.manage'] },
    { scopes: ['bulk.approve'] },
    { scopes: [] },
    { addresses: ['10.0.0.0/33'] },
    { addresses: ['example.com'] },
    { expires_at: '2001-01-01T00:00:00Z' },
    { organization_id: 1 },
  ]
  for (const more of wrong) {
    const body = { service_account: 'paie', scopes: ['bulk.read'], ...more }
    const said = await server.call('POST', '/api/api-keys', body, site.developer.headers)
    expect([more, said.status]).toEqual([more, 400])
  }
  expect(keyScopes).not.toContain('bulk.approve')
  expect(keyScopes).not.toContain('accounts.confirm_top_up')
})

test('a secret is shown once and kept nowhere; lists and the trail never have it', async () => {
  const site = await newSite()
  const key = await newKey(site)
  const listed = await server.call('GET', '/api/api-keys', undefined, site.developer.headers)
  expect(listed.body.keys).toMatchObject([{ id: key.id, service_account: 'paie', is_good: true }])
  expect(listed.text).not.toContain(key.secret.slice(-39))
  const everything = await server.db.many<{ row: string }>(sql`
    select k::text as row from identity_api_keys k union all select s::text from identity_api_key_secrets s
    union all select e::text from audit_events e`)
  expect(everything.map(({ row }) => row).join()).not.toContain(key.secret.slice(-39))
  const foreign = await newSite()
  expect((await server.call('GET', '/api/api-keys', undefined, foreign.developer.headers)).body.keys).toEqual(
    [],
  )
  const theirs = await server.call('DELETE', `/api/api-keys/${key.id}`, undefined, foreign.developer.headers)
  expect([theirs.status, theirs.body.code]).toEqual([404, 'KEY_NOT_FOUND'])
  expect((await accounts(as(key.secret)))[0]).toBe(200)
})

test('one answer for every key that is not good: unknown, mistyped, revoked, over, elsewhere, of the other mode', async () => {
  const site = await newSite()
  const key = await newKey(site)
  const bound = await newKey(site, { addresses: ['192.0.2.0/24', '2001:db8::/32'] })
  const brief = await newKey(site, { expires_at: new Date(Date.now() + 3_600_000).toISOString() })
  for (const address of ['192.0.2.7', '2001:db8::7', '::ffff:192.0.2.9'])
    expect((await accounts(as(bound.secret, { 'x-forwarded-for': address })))[0]).toBe(200)
  expect(await accounts(as(bound.secret, { 'x-forwarded-for': '192.0.3.7' }))).toEqual(REFUSED)
  const typo = key.secret.slice(0, -1) + (key.secret.endsWith('0') ? '1' : '0')
  expect(await accounts(as(typo))).toEqual(REFUSED)
  expect(await accounts(as(key.secret.slice(0, -1)))).toEqual(REFUSED)
  expect((await accounts(as(brief.secret)))[0]).toBe(200)
  await server.db.run(sql`
    update identity_api_keys set created_at = cauri_now() - interval '2 hours', expires_at = cauri_now()
    where public_id = ${brief.id}`)
  expect(await accounts(as(brief.secret))).toEqual(REFUSED)
  expect(
    (await server.call('DELETE', `/api/api-keys/${key.id}`, undefined, site.developer.headers)).status,
  ).toBe(200)
  expect(await accounts(as(key.secret))).toEqual(REFUSED)
  const again = await server.call('DELETE', `/api/api-keys/${key.id}`, undefined, site.developer.headers)
  expect(again.status).toBe(404)
  const bodies = await Promise.all(
    [typo, brief.secret, key.secret].map(async (secret) => {
      const { body } = await server.call('GET', '/api/accounts', undefined, as(secret))
      return { ...body, request_id: '' }
    }),
  )
  expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1)
  // What was refused with a key never falls back to the sandbox's own organisation.
  expect(await accounts(bearer(typo))).toEqual(REFUSED)
})

test('a live key is of production, a test key of a sandbox', async () => {
  const [here, there] = [await newSite(), await newSite(production)]
  const [test_key, live_key] = [await newKey(here), await newKey(there, {}, production)]
  expect(live_key.secret).toMatch(/^ck_live_/)
  expect((await accounts(as(live_key.secret), production))[0]).toBe(200)
  // Even where its row came along, as a restored database would bring it.
  await production.db.run(sql`update identity_api_keys set mode = 'test' where public_id = ${live_key.id}`)
  expect(await accounts(as(live_key.secret), production)).toEqual(REFUSED)
  await server.db.run(sql`update identity_api_keys set mode = 'live' where public_id = ${test_key.id}`)
  expect(await accounts(as(test_key.secret))).toEqual(REFUSED)
})

test('rotation gives a new secret; the old one lives for its grace, or ends at once', async () => {
  const site = await newSite()
  const key = await newKey(site)
  const rotate = (grace_s?: number) =>
    server.call('POST', `/api/api-keys/${key.id}/rotate`, { grace_s }, site.developer.headers)
  const second = await rotate(600)
  expect([second.status, second.body.id]).toEqual([200, key.id])
  expect(second.body.secret).not.toBe(key.secret)
  for (const secret of [key.secret, second.body.secret]) expect((await accounts(as(secret)))[0]).toBe(200)
  const third = await rotate(0)
  for (const secret of [key.secret, second.body.secret]) expect(await accounts(as(secret))).toEqual(REFUSED)
  expect((await accounts(as(third.body.secret)))[0]).toBe(200)
  await rotate() // a day
  const left = await server.db.many<{ hours: number }>(sql`
    select round(extract(epoch from expires_at - cauri_now()) / 3600)::float8 as hours from identity_api_key_secrets
    where public_id = ${key.id} and expires_at > cauri_now()`)
  expect(left).toEqual([{ hours: 24 }])
})

test('rotation keeps the caller: the same Idempotency-Key makes one batch', async () => {
  const site = await newSite()
  const key = await newKey(site, { scopes: ['bulk.create'] })
  const send = (secret: string) =>
    server.upload(
      standardCsv(2, 40),
      { payer_account: site.organization.account_id },
      { headers: { ...as(secret), 'idempotency-key': 'salaires-novembre' } },
    )
  const first = await send(key.secret)
  const next = await server.call('POST', `/api/api-keys/${key.id}/rotate`, {}, site.developer.headers)
  const replay = await send(next.body.secret)
  expect([first.status, replay.status]).toEqual([201, 201])
  expect(replay.headers.get('idempotency-replayed')).toBe('true')
  expect(replay.body).toEqual(first.body)
})

test('a program that ends takes every key of it along', async () => {
  const site = await newSite()
  const keys = [await newKey(site), await newKey(site), await newKey(site, { service_account: 'autre' })]
  const listed = await server.call('GET', '/api/service-accounts', undefined, site.developer.headers)
  const paie = listed.body.service_accounts.find((one: { name: string }) => one.name === 'paie')
  const closing = () =>
    server.call('DELETE', `/api/service-accounts/${paie.id}`, undefined, site.developer.headers)
  expect((await closing()).status).toBe(200)
  expect((await closing()).body.code).toBe('SERVICE_ACCOUNT_NOT_FOUND')
  const good = await Promise.all(keys.map(async ({ secret }) => (await accounts(as(secret)))[0]))
  expect(good).toEqual([401, 401, 200])
  const body = { service_account: 'paie', scopes: ['bulk.read'] }
  const refused = await server.call('POST', '/api/api-keys', body, site.developer.headers)
  expect(refused.body.code).toBe('SERVICE_ACCOUNT_CLOSED')
})

test('a key outlives who made it, and says so until it has a secret that he never saw', async () => {
  const site = await newSite()
  const { organization, developer } = site
  const other = { organization, developer: await newMember(server, organization, ['DEVELOPPEUR']) }
  const key = await newKey(site)
  const known = async (): Promise<unknown> =>
    (await server.call('GET', '/api/api-keys', undefined, other.developer.headers)).body.keys.map(
      (one: { is_known_outside: boolean }) => one.is_known_outside,
    )
  const rotate = (grace_s: number) =>
    server.call('POST', `/api/api-keys/${key.id}/rotate`, { grace_s }, other.developer.headers)
  expect(await known()).toEqual([false])
  await server.db.run(sql`delete from identity_members where person_id = ${developer.id}`)
  expect((await server.call('GET', '/api/api-keys', undefined, developer.headers)).status).toBe(403)
  expect((await accounts(as(key.secret)))[0]).toBe(200)
  expect(await known()).toEqual([true])
  await rotate(600)
  expect(await known()).toEqual([true])
  const { secret } = (await rotate(0)).body
  expect([await known(), await accounts(as(key.secret))]).toEqual([[false], REFUSED])
  await server.db.run(sql`update identity_people set is_active = false where id = ${other.developer.id}`)
  const left = { organization, developer: await newMember(server, organization, ['DEVELOPPEUR']) }
  const [one] = (await server.call('GET', '/api/api-keys', undefined, left.developer.headers)).body.keys
  expect([one.is_known_outside, (await accounts(as(secret)))[0]]).toEqual([true, 200])
  await server.call('DELETE', `/api/api-keys/${key.id}`, undefined, left.developer.headers)
  const [ended] = (await server.call('GET', '/api/api-keys', undefined, left.developer.headers)).body.keys
  expect(ended.is_known_outside).toBe(false)
})

test('the last use is written once a minute, beside the call', async () => {
  const site = await newSite()
  const key = await newKey(site)
  const used = () =>
    server.db.one<{ at: Date | null; address: string | null; xmin: string }>(sql`
      select last_used_at as at, last_address as address, xmin::text from identity_api_keys where public_id = ${key.id}`)
  await accounts(as(key.secret, { 'x-forwarded-for': '198.51.100.7' }))
  const first = await until('the use is written', async () => {
    const row = await used()
    return row.at === null ? undefined : row
  })
  expect(first.address).toBe('198.51.100.7')
  await Promise.all(Array.from({ length: 10 }, () => accounts(as(key.secret))))
  expect(await used()).toEqual(first)
  await server.db.run(sql`
    update identity_api_keys set last_used_at = last_used_at - interval '61 seconds' where public_id = ${key.id}`)
  await accounts(as(key.secret, { 'x-forwarded-for': '198.51.100.8' }))
  await until('the next use is written', async () => (await used()).address === '198.51.100.8')
})

test('wrong keys cost their address tries, right ones and revoked ones none', async () => {
  const site = await newSite()
  const key = await newKey(site)
  const revoked = await newKey(site)
  await server.call('DELETE', `/api/api-keys/${revoked.id}`, undefined, site.developer.headers)
  const here = elsewhere()
  for (let i = 0; i < 60; i++) expect(await accounts(as(revoked.secret, here))).toEqual(REFUSED)
  expect((await accounts(as(key.secret, here)))[0]).toBe(200)
  const wrong = key.secret.replace(/.$/, 'x') === key.secret ? 'y' : 'x'
  const guess = key.secret.slice(0, -1) + wrong
  const said: unknown[] = []
  for (let i = 0; i < 60; i++) said.push((await accounts(as(guess, here)))[0])
  expect(said.filter((status) => status === 401).length).toBeGreaterThanOrEqual(49)
  expect(said.filter((status) => status === 429).length).toBeGreaterThan(0)
  expect(await accounts(as(key.secret, here))).toEqual([429, 'TOO_MANY_REQUESTS'])
  expect((await accounts(as(key.secret)))[0]).toBe(200)
})

test('in production a rail’s notification needs a key with that scope, on the public port', async () => {
  const site = await newSite(production)
  const notify = (headers: Headers = {}) =>
    production.call('PUT', '/api/transfers/some-id', { currentState: 'COMPLETED' }, headers)
  expect((await notify()).status).toBe(401)
  const none = await newKey(site, {}, production)
  expect((await notify(as(none.secret))).status).toBe(403)
  const hint = await newKey(site, { scopes: ['transfers.notify'] }, production)
  const unknown = await notify(as(hint.secret))
  expect([unknown.status, unknown.body.code]).toEqual([404, 'TRANSFER_NOT_FOUND'])
})
