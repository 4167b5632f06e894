import { afterAll, beforeAll, expect, test } from 'vitest'
import { advanceClock } from '../../src/platform/clock.ts'
import { sql } from '../../src/platform/db.ts'
import {
  BEHIND_PROXY,
  bearer,
  elsewhere,
  judgedWithin,
  PASSWORD,
  registerPerson,
  signIn,
  type Registered,
} from '../harness/people.ts'
import { openServer, type Answer, type TestServer } from '../harness/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await openServer({ env: BEHIND_PROXY, worker: false })
})
afterAll(() => server.stop())

const refresh = (token: string): Promise<Answer> =>
  server.call('POST', '/api/auth/token/refresh/', { refresh: token })
const isAlive = async (access: string): Promise<boolean> =>
  (await server.call('GET', '/api/auth/profile', undefined, bearer(access))).status === 200
const again = async ({ phone }: Registered): Promise<{ access: string; refresh: string }> =>
  (await signIn(server, { phone_number: phone, password: PASSWORD })).body
const endedBecause = async ({ id }: Registered): Promise<unknown> =>
  (
    await server.db.one<{ why: unknown }>(
      sql`select array_agg(ended_because order by created_at) as why from identity_sessions where person_id = ${id}`,
    )
  ).why

test('a refresh token gives the next pair, and the new one the next', async () => {
  const person = await registerPerson(server)
  let token = person.refresh
  for (let i = 0; i < 4; i++) {
    const said = await refresh(token)
    expect(said.status).toBe(200)
    expect(said.body.refresh).not.toBe(token)
    expect(await isAlive(said.body.access)).toBe(true)
    token = said.body.refresh
  }
  const kept = await server.db.many<{ text: string }>(
    sql`select t::text as text from identity_refresh_tokens t`,
  )
  for (const { text } of kept) {
    expect(text).not.toContain(token)
    expect(text).not.toContain(Buffer.from(token).toString('hex'))
  }
})

test('a lost reply is given once more: the same refresh token, as long as it is unused', async () => {
  const person = await registerPerson(server)
  const first = await refresh(person.refresh)
  const second = await refresh(person.refresh)
  expect(second.status).toBe(200)
  expect(second.body.refresh).toBe(first.body.refresh)
  expect(await isAlive(second.body.access)).toBe(true)
  const third = await refresh(person.refresh)
  expect([third.status, third.body.code]).toEqual([401, 'AUTHENTICATION_REQUIRED'])
  expect(await endedBecause(person)).toEqual(['REUSE'])
  expect(await isAlive(second.body.access)).toBe(false)
  expect((await refresh(first.body.refresh)).status).toBe(401)
})

test('a spent token whose successor is used ends the session, also two generations later', async () => {
  for (const generations of [1, 2]) {
    const person = await registerPerson(server)
    let tokens = (await refresh(person.refresh)).body
    for (let i = 0; i < generations; i++) tokens = (await refresh(tokens.refresh)).body
    expect(await isAlive(tokens.access)).toBe(true)
    expect((await refresh(person.refresh)).status).toBe(401)
    expect(await endedBecause(person)).toEqual(['REUSE'])
    expect(await isAlive(tokens.access)).toBe(false)
    expect((await refresh(tokens.refresh)).status).toBe(401)
  }
})

test('after ten seconds a lost reply is not given again', async () => {
  const person = await registerPerson(server)
  const { body } = await refresh(person.refresh)
  await advanceClock(server.db, 11)
  expect((await refresh(person.refresh)).status).toBe(401)
  expect(await endedBecause(person)).toEqual(['REUSE'])
  expect((await refresh(body.refresh)).status).toBe(401)
})

test('twenty at once with the same token: one is new, one is its repetition, and the session ends', async () => {
  const person = await registerPerson(server)
  const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(person.refresh)))
  const good = answers.filter(({ status }) => status === 200)
  expect(good).toHaveLength(2)
  expect(good[0]?.body.refresh).toBe(good[1]?.body.refresh)
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(18)
  expect(await endedBecause(person)).toEqual(['REUSE'])
  const generations = await server.db.one(sql`
    select count(*) as n from identity_refresh_tokens t join identity_sessions s on s.id = t.session_id
    where s.person_id = ${person.id}`)
  expect(generations).toEqual({ n: 2n })
  expect((await refresh(String(good[0]?.body.refresh))).status).toBe(401)
})

test('one session’s theft does not end another', async () => {
  const person = await registerPerson(server)
  const other = await again(person)
  await refresh((await refresh(person.refresh)).body.refresh)
  expect((await refresh(person.refresh)).status).toBe(401)
  expect(await isAlive(other.access)).toBe(true)
  expect((await refresh(other.refresh)).status).toBe(200)
})

test('an access token lives ten minutes, a refresh token thirty days, a session ninety', async () => {
  const person = await registerPerson(server)
  const other = await again(person)
  await advanceClock(server.db, 595)
  expect(await isAlive(person.access)).toBe(true)
  await advanceClock(server.db, 6)
  expect(await isAlive(person.access)).toBe(false)
  await advanceClock(server.db, 29 * 86_400)
  let { body } = await refresh(person.refresh)
  expect(await isAlive(body.access)).toBe(true)
  await advanceClock(server.db, 2 * 86_400)
  expect((await refresh(other.refresh)).status).toBe(401)
  for (let i = 0; i < 2; i++) {
    await advanceClock(server.db, 25 * 86_400)
    ;({ body } = await refresh(body.refresh))
    expect(await isAlive(body.access)).toBe(true)
  }
  await advanceClock(server.db, 10 * 86_400)
  expect((await refresh(body.refresh)).status).toBe(401)
})

test.each(['', 'nonsense', 'A'.repeat(43), '../../x', 'x'.repeat(201)])(
  'a token that is none is refused: %j',
  async (token) => {
    const said = await refresh(token)
    expect(said.status).toBe(token === '' || token.length > 200 ? 400 : 401)
  },
)

test('sessions are listed, and one is revoked: its access is refused at once', async () => {
  const person = await registerPerson(server)
  const phone = await again(person)
  const list = await server.call('GET', '/api/auth/sessions/', undefined, bearer(person.access))
  expect(list.status).toBe(200)
  expect(list.body.sessions).toHaveLength(2)
  const current = list.body.sessions.filter((one: { current: boolean }) => one.current)
  expect(current).toHaveLength(1)
  expect(current[0]).toMatchObject({
    address: expect.stringMatching(/^10\./),
    user_agent: expect.any(String),
  })
  const other = list.body.sessions.find((one: { current: boolean }) => !one.current).id
  const revoke = (id: string, access: string) =>
    server.call('DELETE', `/api/auth/sessions/${id}`, undefined, bearer(access))
  const stranger = await registerPerson(server)
  expect((await revoke(other, stranger.access)).body.code).toBe('SESSION_NOT_FOUND')
  expect(await isAlive(phone.access)).toBe(true)
  expect((await revoke(other, person.access)).status).toBe(200)
  expect(await isAlive(phone.access)).toBe(false)
  expect((await refresh(phone.refresh)).status).toBe(401)
  expect((await revoke(other, person.access)).status).toBe(404)
  expect(await isAlive(person.access)).toBe(true)
})

test('logging out ends the session of the refresh token, and nobody else’s', async () => {
  const person = await registerPerson(server)
  const other = await again(person)
  const stranger = await registerPerson(server)
  const logout = (refresh_token: string, access: string) =>
    server.call('POST', '/api/auth/logout/', { refresh_token }, bearer(access))
  expect((await logout(stranger.refresh, person.access)).status).toBe(200)
  expect(await isAlive(stranger.access)).toBe(true)
  expect((await logout(other.refresh, person.access)).status).toBe(200)
  expect(await isAlive(other.access)).toBe(false)
  expect(await isAlive(person.access)).toBe(true)
  expect((await server.call('POST', '/api/auth/logout', undefined, bearer(person.access))).status).toBe(200)
  expect(await isAlive(person.access)).toBe(false)
})

test('changing the password ends the other sessions, and asks for the current one', async () => {
  const person = await registerPerson(server)
  const other = await again(person)
  const NEW = 'une autre mangue, plus mûre'
  const change = (current_password: string, new_password = NEW, confirmation = new_password) =>
    server.call(
      'POST',
      '/api/auth/change-password/',
      { current_password, new_password, new_password_confirmation: confirmation },
      { ...bearer(person.access), ...elsewhere() },
    )
  expect((await change('not the right one')).body.code).toBe('PASSWORD_WRONG')
  expect((await change(PASSWORD, 'azertyuiop')).body.code).toBe('PASSWORD_TOO_COMMON')
  expect((await change(PASSWORD, NEW, 'something else')).body.code).toBe('PASSWORD_CONFIRMATION_DIFFERS')
  expect(await isAlive(other.access)).toBe(true)
  expect((await change(PASSWORD)).status).toBe(200)
  expect(await isAlive(person.access)).toBe(true)
  expect((await refresh(person.refresh)).status).toBe(200)
  expect(await isAlive(other.access)).toBe(false)
  expect((await refresh(other.refresh)).status).toBe(401)
  expect((await signIn(server, { phone_number: person.phone, password: PASSWORD })).status).toBe(401)
  expect((await signIn(server, { phone_number: person.phone, password: NEW })).status).toBe(200)
})

test('the current password cannot be guessed with a stolen access token either', async () => {
  const { access } = await registerPerson(server)
  const guess = () =>
    server.call(
      'POST',
      '/api/auth/change-password',
      { current_password: 'a guess', new_password: 'une mangue', new_password_confirmation: 'une mangue' },
      { ...bearer(access), ...elsewhere() },
    )
  const begun = performance.now()
  const answers = await Promise.all(Array.from({ length: 20 }, guess))
  const judged = answers.filter(({ status }) => status === 403).length
  expect(judged).toBeGreaterThanOrEqual(5)
  expect(judged).toBeLessThanOrEqual(judgedWithin(performance.now() - begun))
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(20 - judged)
})

test('nobody signs in with the old password once it is changed, however close together', async () => {
  const person = await registerPerson(server)
  const change = server.call(
    'POST',
    '/api/auth/change-password',
    {
      current_password: PASSWORD,
      new_password: 'une mangue bleue',
      new_password_confirmation: 'une mangue bleue',
    },
    { ...bearer(person.access), ...elsewhere() },
  )
  const signing = Promise.all(
    Array.from({ length: 4 }, () => signIn(server, { phone_number: person.phone, password: PASSWORD })),
  )
  expect((await change).status).toBe(200)
  for (const { status, body } of await signing)
    if (status === 200) expect(await isAlive(body.access)).toBe(false)
  expect(await isAlive(person.access)).toBe(true)
})
