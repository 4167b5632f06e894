import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureOrganization, putMember } from '../../src/identity/index.ts'
import { newsKinds } from '../../src/notifications/index.ts'
import { advanceClock } from '../../src/platform/clock.ts'
import { sql } from '../../src/platform/db.ts'
import { DEMO_ORGANIZATION } from '../../src/wiring.ts'
import { freshCode, protect, shown } from '../harness/otp.ts'
import { BEHIND_PROXY, bearer, DEMO_PHONES, elsewhere, registerPerson, signIn } from '../harness/people.ts'
import { openServer, type Answer, type TestServer } from '../harness/server.ts'

const PRODUCTION = {
  ...BEHIND_PROXY,
  CAURI_MODE: 'production',
  DATABASE_URL: 'postgres://unused', // the harness opens its own
  PUBLIC_URL: 'https://cauri.example',
  SECRET_KEY: 'x'.repeat(40),
  FIELD_ENCRYPTION_KEY: 'y'.repeat(40),
}
let production: TestServer
let sandbox: TestServer
beforeAll(async () => {
  production = await openServer({ env: PRODUCTION, worker: false })
  sandbox = await openServer({ env: BEHIND_PROXY, worker: false })
})
afterAll(async () => {
  await production.stop()
  await sandbox.stop()
})

const DEMO_PASSWORD = 'TestPassword123!'
type Headers = Readonly<Record<string, string>>
const judged = ({ status, body }: Answer): readonly unknown[] =>
  status < 400 ? [status] : [status, body.code]

/** Signs a demo person in; answers his access token. */
async function signedIn(server: TestServer, role: keyof typeof DEMO_PHONES, otp?: string): Promise<string> {
  const body = { phone_number: DEMO_PHONES[role], password: DEMO_PASSWORD, ...(otp && { otp }) }
  const said = await signIn(server, body)
  if (said.status !== 200) throw new Error(said.text)
  return said.body.access
}
const get = (server: TestServer, path: string, access: string): Promise<Answer> =>
  server.call('GET', path, undefined, { ...bearer(access), ...elsewhere() })
const post = (server: TestServer, path: string, body: object, headers: Headers): Promise<Answer> =>
  server.call('POST', path, body, { ...elsewhere(), ...headers })
const stepUp = (server: TestServer, access: string, otp: string): Promise<Answer> =>
  post(server, '/api/auth/step-up', { otp }, bearer(access))
const newPerson = { phone_number: '+237677000001', first_name: 'Eloge', last_name: 'Manga' }

test('in production an administrator without a second factor signs in, and can do nothing but set one up', async () => {
  const access = await signedIn(production, 'ADMIN')
  for (const path of [
    '/api/core/integrity',
    '/api/auth/admin/users',
    '/api/auth/admin/statistics',
    '/api/core/audit-logs',
    '/api/core/settings',
    '/api/audit/checkpoint',
  ])
    expect([path, ...judged(await get(production, path, access))]).toEqual([
      path,
      403,
      'SECOND_FACTOR_REQUIRED',
    ])
  const made = await post(production, '/api/auth/admin/users', newPerson, bearer(access))
  expect(judged(made)).toEqual([403, 'SECOND_FACTOR_REQUIRED'])
  expect(judged(await get(production, '/api/auth/profile', access))).toEqual([200])
  expect(judged(await stepUp(production, access, '123456'))).toEqual([403, 'SECOND_FACTOR_REQUIRED'])

  const { secret } = await protect(production, access, DEMO_PASSWORD)
  expect(judged(await get(production, '/api/auth/admin/statistics', access))).toEqual([200])
  expect(judged(await post(production, '/api/auth/admin/users', newPerson, bearer(access)))).toEqual([201])

  await advanceClock(production.db, 301)
  expect(judged(await get(production, '/api/auth/admin/users', access))).toEqual([200])
  const again = { ...newPerson, phone_number: '+237677000002' }
  const refused = await post(production, '/api/auth/admin/users', again, {
    ...bearer(access),
    'accept-language': 'fr',
  })
  expect(judged(refused)).toEqual([403, 'STEP_UP_REQUIRED'])
  expect(refused.body.title).toContain('/api/auth/step-up')
  const shownAgain = await stepUp(production, access, await shown(production, secret))
  expect(shownAgain.body).toEqual({ status: 'done', expires_in: 300 })
  expect(judged(await post(production, '/api/auth/admin/users', again, bearer(access)))).toEqual([201])
})

test('what is shown counts for that sign-in alone; a login with a code counts, a code counts once', async () => {
  const first = await signedIn(sandbox, 'ADMIN')
  const { secret, recovery } = await protect(sandbox, first, DEMO_PASSWORD)
  const otp = await freshCode(sandbox, secret)
  const second = await signedIn(sandbox, 'ADMIN', otp)
  await advanceClock(sandbox.db, 240)
  const add = (access: string, digit: number) =>
    post(
      sandbox,
      '/api/auth/admin/users',
      { ...newPerson, phone_number: `+23767701000${digit}` },
      bearer(access),
    )
  // The first has shown it 330 seconds ago, the second 240.
  expect(judged(await add(first, 1))).toEqual([403, 'STEP_UP_REQUIRED'])
  expect(judged(await add(second, 1))).toEqual([201])
  expect(judged(await stepUp(sandbox, first, otp))).toEqual([403, 'SECOND_FACTOR_INVALID'])
  const code = await shown(sandbox, secret)
  const parallel = await Promise.all(Array.from({ length: 5 }, () => stepUp(sandbox, first, code)))
  expect(parallel.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 403, 403, 403, 403])
  expect(judged(await add(first, 2))).toEqual([201])
  await advanceClock(sandbox.db, 60)
  expect(judged(await add(second, 3))).toEqual([403, 'STEP_UP_REQUIRED'])
  expect(judged(await stepUp(sandbox, second, recovery[0] ?? ''))).toEqual([200])
  expect(judged(await stepUp(sandbox, second, recovery[0] ?? ''))).toEqual([403, 'SECOND_FACTOR_INVALID'])
  expect(judged(await add(second, 3))).toEqual([201])
})

test('wrong codes are counted with those of sign-in: who guesses at one is refused at the other', async () => {
  const { access, phone } = await registerPerson(sandbox)
  const { secret } = await protect(sandbox, access)
  await advanceClock(sandbox.db, 60)
  const wrong = (await shown(sandbox, secret)) === '000000' ? '000001' : '000000'
  const answers: number[] = []
  for (let i = 0; i < 5; i++) answers.push((await stepUp(sandbox, access, wrong)).status)
  expect(answers).toEqual([403, 403, 403, 403, 403])
  await sandbox.db.run(sql`
    update identity_throttles set refused_until = cauri_now() + interval '1 hour' where refused_until is not null`)
  const right = await shown(sandbox, secret)
  expect((await stepUp(sandbox, access, right)).status).toBe(429)
  expect(
    (await signIn(sandbox, { phone_number: phone, password: 'mangue verte 7 du marché', otp: right })).status,
  ).toBe(429)
  const { n } = await sandbox.db.one<{ n: bigint }>(
    sql`select count(*) as n from audit_events where action = 'step_up.failed' and detail = '{}'`,
  )
  expect(n).toBeGreaterThanOrEqual(5n)
})

test('in the sandbox who has no second factor passes; a stranger to the role is told nothing of it', async () => {
  const access = await signedIn(sandbox, 'ARBITRE')
  expect(judged(await get(sandbox, '/api/auth/admin/users', access))).toEqual([403, 'NOT_ALLOWED'])
  const { body } = await sandbox.call('GET', '/openapi.json')
  const said = (path: string, method: string): string => body.paths[path][method].responses['403'].description
  expect(said('/api/auth/admin/users', 'post')).toMatch(/SECOND_FACTOR_REQUIRED.*STEP_UP_REQUIRED/s)
  expect(said('/api/auth/admin/users', 'get')).toContain('SECOND_FACTOR_REQUIRED')
  expect(said('/api/auth/admin/users', 'get')).not.toContain('STEP_UP_REQUIRED')
  expect(said('/api/auth/profile', 'get')).not.toContain('SECOND_FACTOR_REQUIRED')
})

test('a factor that is given up takes what was shown of it along', async () => {
  const { access, id } = await registerPerson(production)
  const organization_id = (await production.db.tx((tx) => ensureOrganization(tx, DEMO_ORGANIZATION))).id
  await production.db.tx((tx) => putMember(tx, { organization_id, person_id: id, roles: ['GESTIONNAIRE'] }))
  // A manager without a second factor works on: only what is marked wants one.
  expect(judged(await get(production, '/api/accounts', access))).toEqual([200])
  const { secret } = await protect(production, access)
  const otp = await freshCode(production, secret)
  const removed = await post(
    production,
    '/api/auth/second-factor/remove',
    { password: 'mangue verte 7 du marché', otp },
    bearer(access),
  )
  expect(removed.status).toBe(200)
  const row = await production.db.one<{ n: bigint }>(sql`
    select count(*) as n from identity_sessions where person_id = ${id} and second_factor_at is not null`)
  expect(row.n).toBe(0n)
})

test('the profile says what a person may do, where, and what waits for him; he chooses what he hears of', async () => {
  const person = await registerPerson(sandbox)
  const as = { ...bearer(person.access), ...elsewhere() }
  const organization_id = (await sandbox.db.tx((tx) => ensureOrganization(tx, 'La caisse du profil'))).id
  await sandbox.db.tx((tx) =>
    putMember(tx, { organization_id, person_id: person.id, roles: ['APPROBATEUR', 'DEVELOPPEUR'] }),
  )
  const read = async () => (await sandbox.call('GET', '/api/auth/profile/', undefined, as)).body
  const first = await read()
  expect(first).toMatchObject({
    has_second_factor: false,
    counts: { unread_notifications: 0, sessions: 1 },
    memberships: [
      {
        organization: { id: Number(organization_id), name: 'La caisse du profil' },
        roles: ['APPROBATEUR', 'DEVELOPPEUR'],
      },
    ],
  })
  const [{ permissions }] = first.memberships
  expect(permissions).toEqual(expect.arrayContaining(['bulk.read', 'bulk.approve', 'keys.manage']))
  for (const other of ['bulk.create', 'accounts.top_up', 'members.manage', 'people.read'])
    expect(permissions).not.toContain(other)
  expect(first.permissions).toContain('profile.write')
  expect(first.permissions).not.toContain('people.read')
  expect(first.notifications).toHaveLength(newsKinds.length * 3)

  const patch = (notifications: readonly object[]) =>
    sandbox.call('PATCH', '/api/auth/profile', { notifications }, as)
  const off = { kind: 'batch_finished', channel: 'sms', is_wanted: false }
  expect((await patch([off])).body.notifications.filter((one: typeof off) => !one.is_wanted)).toEqual([off])
  for (const bad of [{ kind: 'phone_code' }, { kind: 'nothing' }, { channel: 'pigeon' }, { more: 1 }])
    expect((await patch([{ ...off, ...bad }])).status).toBe(400)

  for (const id of [person.id, person.id, 1n])
    await sandbox.db.run(sql`
      insert into notifications_in_app (person_id, kind, title, text) values (${id}, 'batch_finished', 'Fini', 'Tout est payé')`)
  expect((await read()).counts.unread_notifications).toBe(2)
  const list = (query = '') => sandbox.call('GET', `/api/notifications${query}`, undefined, as)
  const page = await list('?limit=1')
  expect(page.body).toMatchObject({ unread: 2, notifications: [{ title: 'Fini', read_at: null }] })
  const next = /^<([^>]+)>/.exec(page.headers.get('link') ?? '')?.[1] ?? ''
  const rest = await sandbox.call('GET', next, undefined, as)
  expect(rest.body.notifications).toHaveLength(1)
  expect(rest.body.next_cursor).toBeUndefined()
  const mark = (id: number) => sandbox.call('POST', `/api/notifications/${id}/read`, undefined, as)
  expect((await mark(page.body.notifications[0].id)).body).toEqual({ unread: 1 })
  const { id: foreign } = await sandbox.db.one<{ id: bigint }>(
    sql`select id from notifications_in_app where person_id = 1`,
  )
  expect(judged(await mark(Number(foreign)))).toEqual([404, 'NOTIFICATION_NOT_FOUND'])
  expect((await sandbox.call('POST', '/api/notifications/read', {}, as)).body).toEqual({ unread: 0 })
  expect(
    (await list()).body.notifications.every(({ read_at }: { read_at: unknown }) => read_at !== null),
  ).toBe(true)
})
