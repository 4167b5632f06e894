import { afterAll, beforeAll, expect, test } from 'vitest'
import { advanceClock } from '../../src/platform/clock.ts'
import { sql } from '../../src/platform/db.ts'
import {
  BEHIND_PROXY,
  bearer,
  demoPerson,
  elsewhere,
  newPhone,
  PASSWORD,
  receivedCode,
  registerPerson,
  signIn,
} from '../harness/people.ts'
import { openServer, type Answer, type TestServer } from '../harness/server.ts'

let server: TestServer
let admin: Headers
let admin_id: number
beforeAll(async () => {
  server = await openServer({ env: BEHIND_PROXY, limits: { access_s: 86_400 * 30 } })
  admin = await demoPerson(server, 'ADMIN')
  admin_id = (await server.call('GET', '/api/auth/profile', undefined, admin)).body.id
})
afterAll(() => server.stop())

type Headers = Readonly<Record<string, string>>
const USERS = '/api/auth/admin/users'
const call = (method: string, path: string, body?: object, as = admin): Promise<Answer> =>
  server.call(method, path, body, { ...elsewhere(), ...as })
const code = async (answer: Promise<Answer>): Promise<readonly unknown[]> => {
  const { status, body } = await answer
  return status < 400 ? [status] : [status, body.code]
}
const confirm = (id: number, as: Headers): Promise<Answer> =>
  call('POST', `/api/auth/admin/role-changes/${id}/confirm`, {}, as)

/** Somebody new whom the database makes what he is; answers his headers and his number. */
async function somebody(...roles: string[]): Promise<{ readonly id: number; readonly as: Headers }> {
  const { id, access } = await registerPerson(server)
  await server.db.run(sql`update identity_people set roles = ${roles}::text[] where id = ${id}`)
  return { id: Number(id), as: bearer(access) }
}
const acts = (subject: number, action: string) =>
  server.db.many<{ actor: string; before: unknown; after: unknown; detail: unknown }>(sql`
    select actor, before, after, detail from audit_events
    where subject = ${`person:${subject}`} and action = ${action} order by id`)

test('statistics have the fields of the old system, and say what is there', async () => {
  const before = (await call('GET', '/api/auth/admin/statistics/')).body
  await somebody('BUYER', 'SELLER')
  const { phone } = await registerPerson(server)
  await signIn(server, { phone_number: phone, password: 'not the right one' })
  await signIn(server, { phone_number: newPhone(), password: 'nobody is there' })
  const { body: after, status } = await call('GET', '/api/auth/admin/statistics/')
  expect(status).toBe(200)
  expect(Object.keys(after)).toEqual([
    'total_users',
    'new_users_this_month',
    'verified_users',
    'active_users',
    'users_by_role',
    'users_by_kyc_status',
    'failed_login_attempts_today',
  ])
  expect(after).toEqual({
    total_users: before.total_users + 2,
    new_users_this_month: before.new_users_this_month + 2,
    verified_users: 4,
    active_users: before.active_users + 2,
    users_by_role: {
      ...before.users_by_role,
      BUYER: before.users_by_role.BUYER + 2,
      SELLER: before.users_by_role.SELLER + 1,
    },
    users_by_kyc_status: {
      ...before.users_by_kyc_status,
      PENDING: before.users_by_kyc_status.PENDING + 2,
    },
    failed_login_attempts_today: before.failed_login_attempts_today + 2,
  })
  expect(after.users_by_role).toMatchObject({ ARBITRE: 1, ADMIN: 1 })
  expect(after.users_by_kyc_status).toMatchObject({ VERIFIED: 4, REJECTED: 0 })
})

test('people are listed newest first, filtered and paged both ways; only for administrators', async () => {
  const made = []
  for (let i = 0; i < 5; i++) made.push((await registerPerson(server, { last_name: 'Zoungrana' })).id)
  const list = (query: string) => call('GET', `${USERS}/?${query}`)
  const ids = ({ body }: Answer) => body.results.map((one: { id: number }) => one.id)
  const all = await list('search=zoungrana')
  expect(ids(all)).toEqual(made.map(Number).toReversed())
  expect(all.body).toMatchObject({ total: 5, count: 5, limit: 50, offset: 0 })
  expect(ids(await list('search=zoungrana&limit=2&offset=2'))).toEqual([Number(made[2]), Number(made[1])])
  const walked: number[] = []
  let next: string | undefined = `${USERS}?search=zoungrana&limit=2`
  for (let pages = 0; next !== undefined && pages < 5; pages++) {
    const page: Answer = await call('GET', next)
    expect(page.body.total).toBe(5)
    walked.push(...ids(page))
    next = /^<([^>]+)>; rel="next"$/.exec(page.headers.get('link') ?? '')?.[1]
  }
  expect(walked).toEqual(ids(all))
  expect((await list('role=ARBITRE')).body.results).toMatchObject([
    { roles: ['ARBITRE'], kyc_status: 'VERIFIED', is_active: true, has_password: true, role_change: null },
  ])
  expect((await list('kyc_status=VERIFIED&limit=1')).body).toMatchObject({ total: 4, count: 1 })
  expect((await list('is_active=false')).body.total).toBe(0)
  expect((await list('search=%25')).body.total).toBe(0)
  expect(all.text).not.toContain('argon2')
  for (const query of ['role=KING', 'limit=0', 'limit=201', 'cursor=x', 'offset=-1'])
    expect([query, (await list(query)).status]).toEqual([query, 400])
  const buyer = await somebody('BUYER')
  for (const [method, path, body] of [
    ['GET', USERS],
    ['GET', `${USERS}/1`],
    ['POST', USERS, {}],
    ['PATCH', `${USERS}/1`, {}],
    ['DELETE', `${USERS}/1`],
    ['GET', '/api/auth/admin/statistics'],
    ['GET', '/api/auth/admin/role-changes'],
    ['POST', '/api/auth/admin/role-changes/1/confirm', {}],
  ] as const)
    expect([method, path, ...(await code(call(method, path, body, buyer.as)))]).toEqual([
      method,
      path,
      403,
      'NOT_ALLOWED',
    ])
})

test('an administrator makes a person, who sets a password by the code that reaches the phone', async () => {
  const phone_number = newPhone()
  const made = await call('POST', USERS, { phone_number, first_name: 'Fanta', last_name: 'Koné' })
  expect(made.status).toBe(201)
  expect(made.body).toMatchObject({
    roles: ['BUYER'],
    has_password: false,
    is_active: true,
    role_change: null,
  })
  const sign = (password: string) => signIn(server, { phone_number, password })
  expect(await code(sign(PASSWORD))).toEqual([401, 'CREDENTIALS_INVALID'])
  const reset_code = await receivedCode(server, phone_number)
  const set = { phone_number, reset_code, new_password: PASSWORD }
  expect(await code(call('POST', '/api/auth/password-reset/confirm', set, {}))).toEqual([200])
  expect((await sign(PASSWORD)).status).toBe(200)
  expect((await call('GET', `${USERS}/${made.body.id}`)).body.has_password).toBe(true)
  expect(await acts(made.body.id, 'person.created')).toMatchObject([{ actor: `person:${admin_id}` }])
  expect(await code(call('POST', USERS, { phone_number, first_name: 'F', last_name: 'K' }))).toEqual([
    409,
    'PHONE_TAKEN',
  ])
  const more = { phone_number: newPhone(), first_name: 'F', last_name: 'K' }
  for (const extra of [
    { kyc_status: 'VERIFIED' },
    { password: PASSWORD },
    { roles: [] },
    { roles: ['KING'] },
  ])
    expect((await call('POST', USERS, { ...more, ...extra })).status).toBe(400)
})

test('who is disabled is out at once, and comes back as he was; nothing is deleted', async () => {
  const { id, as } = await somebody('BUYER')
  const changed = await call('PATCH', `${USERS}/${id}/`, { first_name: 'Awa', is_active: false })
  expect(changed.body).toMatchObject({ first_name: 'Awa', is_active: false })
  expect(await code(call('GET', '/api/auth/profile', undefined, as))).toEqual([
    401,
    'AUTHENTICATION_REQUIRED',
  ])
  const { why } = await server.db.one<{ why: string }>(
    sql`select ended_because as why from identity_sessions where person_id = ${id}`,
  )
  expect(why).toBe('DISABLED')
  expect((await call('PATCH', `${USERS}/${id}`, { is_active: true })).body.is_active).toBe(true)
  expect(await code(call('GET', '/api/auth/profile', undefined, as))).toEqual([
    401,
    'AUTHENTICATION_REQUIRED',
  ])
  expect((await call('DELETE', `${USERS}/${id}`)).body).toMatchObject({ id, is_active: false })
  expect((await call('DELETE', `${USERS}/${id}`)).status).toBe(200)
  expect(await acts(id, 'person.disabled')).toMatchObject([
    { actor: `person:${admin_id}`, before: { is_active: true }, after: { is_active: false } },
    { before: { is_active: true } },
  ])
  expect(await acts(id, 'person.changed')).toMatchObject([{ detail: { fields: 'first_name' } }])
  expect(await code(call('GET', `${USERS}/999999`))).toEqual([404, 'PERSON_NOT_FOUND'])
  expect(await code(call('DELETE', `${USERS}/999999`))).toEqual([404, 'PERSON_NOT_FOUND'])
})

test('nobody makes an administrator alone, confirms his own wish, or wishes for himself', async () => {
  const other = await somebody('ADMIN')
  const target = await somebody('BUYER')
  const asked = await call('PATCH', `${USERS}/${target.id}`, { roles: ['ARBITRE', 'BUYER'] })
  expect(asked.body).toMatchObject({ roles: ['BUYER'], role_change: { roles: ['ARBITRE', 'BUYER'] } })
  const first = asked.body.role_change.id
  expect(await code(confirm(first, admin))).toEqual([403, 'SECOND_PERSON_NEEDED'])
  // Another wish takes its place: what was asked first is confirmed by nobody any more.
  const wished = await call('PATCH', `${USERS}/${target.id}`, { roles: ['ADMIN'] })
  const change = wished.body.role_change.id
  expect(await code(confirm(first, other.as))).toEqual([404, 'ROLE_CHANGE_NOT_FOUND'])
  expect((await call('GET', '/api/auth/admin/role-changes', undefined, other.as)).body.results).toMatchObject(
    [{ id: change, person_id: target.id, roles_before: ['BUYER'], roles: ['ADMIN'], proposed_by: admin_id }],
  )
  expect(await code(call('GET', USERS, undefined, target.as))).toEqual([403, 'NOT_ALLOWED'])
  const twice = await Promise.all([confirm(change, other.as), confirm(change, other.as)])
  expect(twice.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 404])
  expect((await call('GET', USERS, undefined, target.as)).status).toBe(200)
  expect(await acts(target.id, 'person.roles_changed')).toEqual([
    {
      actor: `person:${other.id}`,
      before: { roles: ['BUYER'] },
      after: { roles: ['ADMIN'] },
      detail: {},
    },
  ])
  expect(await acts(target.id, 'role_change.confirmed')).toMatchObject([
    { detail: { proposed_by: `person:${admin_id}` } },
  ])
  // Whom it is about does not confirm it either, though he is an administrator already.
  const more = await call('PATCH', `${USERS}/${target.id}`, { roles: ['ADMIN', 'ARBITRE'] })
  expect(await code(confirm(more.body.role_change.id, target.as))).toEqual([403, 'SECOND_PERSON_NEEDED'])
  const gone = await call(
    'POST',
    `/api/auth/admin/role-changes/${more.body.role_change.id}/reject`,
    {},
    other.as,
  )
  expect(gone.body).toMatchObject({ roles: ['ADMIN'], role_change: null })
  // The schema says it too.
  await expect(
    server.db.run(sql`
      update identity_role_changes set state = 'CONFIRMED', decided_by = proposed_by, decided_at = cauri_now()
      where id = ${change}`),
  ).rejects.toThrow('identity_role_changes_four_eyes')
})

test('a wish is void when its roles, its author or its person have changed, and after seven days', async () => {
  const other = await somebody('ADMIN')
  const author = await somebody('ADMIN')
  const wish = async (roles = ['ARBITRE']) => {
    const { id } = await somebody('BUYER')
    const asked = await call('PATCH', `${USERS}/${id}`, { roles }, author.as)
    return { id, change: asked.body.role_change.id as number }
  }
  const [moved, disabled, late, orphan] = [await wish(), await wish(), await wish(), await wish()]
  await call('PATCH', `${USERS}/${moved.id}`, { roles: ['SELLER'] })
  expect(await code(confirm(moved.change, other.as))).toEqual([409, 'ROLE_CHANGE_STALE'])
  await call('PATCH', `${USERS}/${disabled.id}`, { is_active: false })
  expect(await code(confirm(disabled.change, other.as))).toEqual([409, 'ROLE_CHANGE_STALE'])
  await call('PATCH', `${USERS}/${author.id}`, { roles: ['BUYER'] })
  expect(await code(confirm(orphan.change, other.as))).toEqual([409, 'ROLE_CHANGE_STALE'])
  await advanceClock(server.db, 7 * 86_400)
  expect(await code(confirm(late.change, other.as))).toEqual([404, 'ROLE_CHANGE_NOT_FOUND'])
})

test('nobody disables or demotes himself, and an administrator is always left, also when all are quick', async () => {
  for (const change of [{ is_active: false }, { roles: ['BUYER'] }])
    expect(await code(call('PATCH', `${USERS}/${admin_id}`, change))).toEqual([403, 'NOT_ONESELF'])
  expect(await code(call('DELETE', `${USERS}/${admin_id}`))).toEqual([403, 'NOT_ONESELF'])
  expect((await call('PATCH', `${USERS}/${admin_id}`, { first_name: 'Danielle' })).status).toBe(200)
  const all = [{ id: admin_id, as: admin }, ...(await Promise.all([somebody('ADMIN'), somebody('ADMIN')]))]
  await server.db.run(sql`
    update identity_people set roles = '{BUYER}'
    where 'ADMIN' = any (roles) and id <> all (${all.map(({ id }) => BigInt(id))}::bigint[])`)
  // Each disables the next one at the same moment.
  await Promise.all(
    all.map(({ as }, i) => call('DELETE', `${USERS}/${all[(i + 1) % all.length]?.id}`, undefined, as)),
  )
  const { n } = await server.db.one<{ n: bigint }>(
    sql`select count(*) as n from identity_people where 'ADMIN' = any (roles) and is_active`,
  )
  expect(n).toBeGreaterThanOrEqual(1n)
})
