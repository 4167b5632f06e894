import { afterAll, beforeAll, expect, test } from 'vitest'
import { openHasher } from '../../src/identity/password/hash.ts'
import { advanceClock } from '../../src/platform/clock.ts'
import { sql } from '../../src/platform/db.ts'
import {
  BEHIND_PROXY,
  bearer,
  elsewhere,
  judgedWithin,
  newPhone,
  otherThan,
  PASSWORD,
  registerPerson,
  registration,
  receivedCode,
  signIn,
} from '../harness/people.ts'
import { openServer, type Answer, type TestServer } from '../harness/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await openServer({ env: BEHIND_PROXY })
})
afterAll(() => server.stop())

/** A problem document without what differs by request. */
const same = ({ status, body }: Answer): object => ({ status, body: { ...body, request_id: '' } })

test('the four people of the sandbox sign in, verified, in their order of id', async () => {
  const phones = ['+237670123456', '+237698765432', '+237655555555', '+237600000000']
  for (const [i, phone_number] of phones.entries()) {
    const said = await signIn(server, { phone_number, password: 'TestPassword123!' })
    expect(said.status).toBe(200)
    expect(said.body.user).toMatchObject({
      id: i + 1,
      phone_number,
      role: ['BUYER', 'SELLER', 'ARBITRE', 'ADMIN'][i],
      phone_verified: true,
      kyc_status: 'VERIFIED',
      can_create_escrow: i === 0,
      can_arbitrate: i === 2,
    })
  }
})

test('the known sequence works as it is written: register, sign in, prove the phone', async () => {
  const registered = await server.call(
    'POST',
    '/api/auth/register/',
    {
      phone_number: '+237612345678',
      first_name: 'John',
      last_name: 'Doe',
      password: 'SecurePassword123!',
      password_confirmation: 'SecurePassword123!',
      role: 'BUYER',
    },
    elsewhere(),
  )
  expect(registered.status).toBe(201)
  expect(registered.body).toMatchObject({
    user: { phone_number: '+237612345678', roles: ['BUYER'], phone_verified: false, kyc_status: 'PENDING' },
    expires_in: 600,
  })
  const login = { phone_number: '+237612345678', password: 'SecurePassword123!' }
  const signed = await server.call('POST', '/api/auth/login/', login, elsewhere())
  expect(signed.status).toBe(200)
  const me = bearer(signed.body.access)
  const code = await receivedCode(server, '+237612345678')
  const wrong = await server.call(
    'POST',
    '/api/auth/verify-phone/',
    { verification_code: otherThan(code) },
    me,
  )
  expect([wrong.status, wrong.body.code]).toEqual([400, 'CODE_INVALID'])
  const right = await server.call('POST', '/api/auth/verify-phone/', { verification_code: code }, me)
  expect(right.status).toBe(200)
  const profile = await server.call('GET', '/api/auth/profile/', undefined, me)
  expect(profile.body).toMatchObject({
    full_name: 'John Doe',
    phone_verified: true,
    can_create_escrow: true,
    can_arbitrate: false,
  })
  const resend = await server.call('POST', '/api/auth/resend-verification/', undefined, me)
  expect([resend.status, resend.body.code]).toEqual([409, 'PHONE_VERIFIED_ALREADY'])
})

test('nobody makes himself an administrator or an arbiter', async () => {
  const count = () => server.db.one(sql`select count(*) as n from identity_people`)
  const before = await count()
  for (const role of ['ADMIN', 'ARBITRE', 'buyer', '', ['BUYER'], null, undefined]) {
    const said = await server.call('POST', '/api/auth/register', registration({ role }), elsewhere())
    expect([role, said.status, said.body.code]).toEqual([role, 400, 'VALIDATION_FAILED'])
  }
  expect(await count()).toEqual(before)
})

test('no column can be sent that is not asked for: refused, and the row is as it was', async () => {
  const { id, access } = await registerPerson(server)
  const columns = await server.db.many<{ name: string }>(sql`
    select distinct column_name as name from information_schema.columns where table_schema = 'public'`)
  const hash = () =>
    server.db.one(sql`
      select md5(p::text || w::text) as row from identity_people p join identity_passwords w on w.person_id = p.id
      where p.id = ${id}`)
  const before = await hash()
  const people = () =>
    server.db.one(
      sql`select count(*) as n, md5(string_agg(roles::text, ',' order by id)) as roles from identity_people`,
    )
  const all = await people()
  const profile = new Set(['first_name', 'last_name', 'email', 'preferred_language', 'date_of_birth'])
  const registering = new Set(['phone_number', 'email', 'first_name', 'last_name', 'preferred_language'])
  let asked = 0
  for (const name of [
    ...columns.map((one) => one.name),
    'role',
    'roles',
    'is_staff',
    'kycStatus',
    '__proto__',
  ]) {
    const value = name === 'kyc_status' ? 'VERIFIED' : name.startsWith('is_') ? true : 'ADMIN'
    const body = JSON.parse(`{${JSON.stringify(name)}:${JSON.stringify(value)}}`) as object
    if (!profile.has(name) && !name.startsWith('address_')) {
      const said = await server.call(
        'PATCH',
        '/api/auth/profile',
        { first_name: 'Zoe', ...body },
        bearer(access),
      )
      if (name !== '__proto__') expect([name, said.status]).toEqual([name, 400])
      asked++
    }
    if (registering.has(name) || name === 'role' || name === '__proto__') continue
    const said = await server.call('POST', '/api/auth/register', registration(body), elsewhere())
    expect([name, said.status]).toEqual([name, 400])
  }
  expect(asked).toBeGreaterThan(100)
  expect(await hash()).toEqual(before)
  expect(await people()).toEqual(all)
  await server.call('PATCH', '/api/auth/profile', { first_name: 'Amina' }, bearer(access))
  const { row: after } = await server.db.one<{ row: string }>(sql`
    select concat_ws(',', roles, kyc_status, is_active, phone_verified_at is null, first_name) as row
    from identity_people where id = ${id}`)
  expect(after).toBe('{BUYER},PENDING,t,t,Amina')
})

test('a known number is told so, five times an hour from one address', async () => {
  const { phone } = await registerPerson(server)
  const from = elsewhere()
  const ask = (phone_number: string) =>
    server.call('POST', '/api/auth/register', registration({ phone_number }), from)
  for (let i = 0; i < 5; i++) {
    const said = await ask(phone)
    expect([said.status, said.body.code]).toEqual([409, 'PHONE_TAKEN'])
  }
  const refused = await ask(newPhone())
  expect([refused.status, refused.body.code]).toEqual([429, 'TOO_MANY_REQUESTS'])
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3_500)
  expect((await server.call('POST', '/api/auth/register', registration(), elsewhere())).status).toBe(201)
  await advanceClock(server.db, 3_601)
  expect((await ask(newPhone())).status).toBe(201)
})

test('an e-mail address belongs to one person, whatever its case', async () => {
  await registerPerson(server, { email: 'Amina@example.com' })
  const said = await server.call(
    'POST',
    '/api/auth/register',
    registration({ email: 'aMINA@EXAMPLE.com' }),
    elsewhere(),
  )
  expect([said.status, said.body.code]).toEqual([409, 'EMAIL_TAKEN'])
  expect((await signIn(server, { email: 'AMINA@example.com', password: PASSWORD })).status).toBe(200)
})

test.each([
  [{ password: 'motdepasse2024', password_confirmation: 'motdepasse2024' }, 'PASSWORD_TOO_COMMON'],
  [{ password: 'short77', password_confirmation: 'short77' }, 'VALIDATION_FAILED'],
  [{ password_confirmation: 'something else' }, 'PASSWORD_CONFIRMATION_DIFFERS'],
  [{ phone_number: '+2376712' }, 'PHONE_INVALID'],
  [{ phone_number: '+2376' }, 'VALIDATION_FAILED'],
  [{ first_name: '   ' }, 'VALIDATION_FAILED'],
  [{ first_name: 'a\u202eb' }, 'VALIDATION_FAILED'],
  [{ email: 'no address' }, 'VALIDATION_FAILED'],
])('a registration is refused: %j', async (more, code) => {
  const said = await server.call('POST', '/api/auth/register', registration(more), elsewhere())
  expect([said.status, said.body.code]).toEqual([400, code])
})

test('a wrong password, an unknown number and somebody who is not active get one answer', async () => {
  const known = await registerPerson(server, { email: 'known@example.com' })
  const gone = await registerPerson(server)
  await server.db.run(sql`update identity_people set is_active = false where id = ${gone.id}`)
  const tries = [
    { phone_number: known.phone, password: 'not the right one' },
    { phone_number: newPhone(), password: 'not the right one' },
    { phone_number: gone.phone, password: PASSWORD },
    { email: 'known@example.com', password: 'not the right one' },
    { email: 'unknown@example.com', password: 'not the right one' },
  ]
  const answers = await Promise.all(tries.map((body) => signIn(server, body)))
  for (const one of answers) {
    expect(same(one)).toEqual(same(answers[0] as Answer))
    expect(one.headers.get('www-authenticate')).toBe('Bearer')
  }
  expect(answers[0]).toMatchObject({ status: 401, body: { code: 'CREDENTIALS_INVALID' } })
  const access = await server.call('GET', '/api/auth/profile', undefined, bearer(gone.access))
  expect(access.status).toBe(401)
  const refresh = await server.call('POST', '/api/auth/token/refresh', { refresh: gone.refresh })
  expect(refresh.status).toBe(401)
})

test.each([true, false])('a hundred guesses at once: five are judged (known: %s)', async (known) => {
  const phone_number = known ? (await registerPerson(server)).phone : newPhone()
  const guess = (password: string) => signIn(server, { phone_number, password })
  const begun = performance.now()
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => guess(`guess number ${i}`)))
  const by = Map.groupBy(answers, ({ status }) => status)
  const judged = by.get(401)?.length ?? 0
  expect(judged).toBeGreaterThanOrEqual(5)
  expect(judged).toBeLessThanOrEqual(judgedWithin(performance.now() - begun))
  // Those for whom there was no place at all never came to be counted.
  expect((by.get(429)?.length ?? 0) + (by.get(503)?.length ?? 0)).toBe(100 - judged)
  expect(by.get(429)?.length).toBeGreaterThan(20)
  for (const one of [...(by.get(429) ?? []), ...(by.get(503) ?? [])])
    expect(Number(one.headers.get('retry-after'))).toBeGreaterThan(0)
  await advanceClock(server.db, 901)
  expect((await guess(PASSWORD)).status).toBe(known ? 200 : 401)
  expect((await guess('a new wrong one')).status).toBe(known ? 401 : 429)
})

test('a password that was hashed at another cost is hashed anew at the next sign-in', async () => {
  const { id, phone } = await registerPerson(server)
  const old = await openHasher({ cost: { memory: 19_456, passes: 2, parallelism: 1 } }).hash(PASSWORD)
  await server.db.run(sql`update identity_passwords set phc = ${old} where person_id = ${id}`)
  const phc = async () =>
    (await server.db.one<{ phc: string }>(sql`select phc from identity_passwords where person_id = ${id}`))
      .phc
  expect((await signIn(server, { phone_number: phone, password: 'not the right one' })).status).toBe(401)
  expect(await phc()).toBe(old)
  expect((await signIn(server, { phone_number: phone, password: PASSWORD })).status).toBe(200)
  expect(await phc()).toMatch(/^\$argon2id\$v=19\$m=64,t=1,p=1\$/)
  expect((await signIn(server, { phone_number: phone, password: PASSWORD })).status).toBe(200)
})

test('the profile changes where it may; null empties; the trail says which fields and not what', async () => {
  const { id, access } = await registerPerson(server)
  const me = bearer(access)
  const patch = (body: object) => server.call('PATCH', '/api/auth/profile', body, me)
  const changed = await patch({
    email: 'new@example.com',
    date_of_birth: '1990-02-28',
    address_city: 'Douala',
    address_country: 'CM',
    preferred_language: 'en',
  })
  expect(changed).toMatchObject({
    status: 200,
    body: {
      email: 'new@example.com',
      date_of_birth: '1990-02-28',
      address_city: 'Douala',
      first_name: 'Amina',
    },
  })
  const emptied = await patch({ email: null, address_city: null })
  expect(emptied.body).toMatchObject({ email: null, address_city: null, address_country: 'CM' })
  expect((await patch({ first_name: null })).status).toBe(400)
  for (const date_of_birth of ['2999-01-01', '1850-01-01'])
    expect((await patch({ date_of_birth })).body.code).toBe('DATE_OF_BIRTH_INVALID')
  expect((await patch({ date_of_birth: '1990-02-30' })).status).toBe(400)
  const trail = await server.db.many<{ detail: { fields: string } }>(sql`
    select detail from audit_events where action = 'profile.changed' and subject = ${`person:${id}`} order by id`)
  expect(trail.map(({ detail }) => detail.fields)).toEqual([
    'email preferred_language date_of_birth address_city address_country',
    'email address_city',
  ])
})

test('credentials of a person open no organisation, and wrong ones never fall back to the sandbox’s own', async () => {
  const { access } = await registerPerson(server)
  expect((await server.call('GET', '/api/accounts')).status).toBe(200)
  expect((await server.call('GET', '/api/accounts', undefined, bearer(access))).body.code).toBe('NOT_ALLOWED')
  for (const authorization of ['Bearer nonsense', 'Basic YTpi', 'Bearer', '']) {
    const said = await server.call('GET', '/api/accounts', undefined, { authorization })
    expect([authorization.slice(0, 12), said.status]).toEqual([authorization.slice(0, 12), 401])
    expect(said.headers.get('www-authenticate')).toBe('Bearer')
  }
})

test('a code is sent again three times an hour, and only the newest counts', async () => {
  const { phone, access } = await registerPerson(server)
  const me = bearer(access)
  const first = await receivedCode(server, phone)
  const resend = () => server.call('POST', '/api/auth/resend-verification', {}, me)
  expect((await resend()).status).toBe(200)
  await receivedCode(server, phone, 2)
  expect((await resend()).status).toBe(200)
  const refused = await resend()
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3_500)
  const newest = await receivedCode(server, phone, 3)
  const verify = (verification_code: unknown) =>
    server.call('POST', '/api/auth/verify-phone', { verification_code }, me)
  if (newest !== first) expect((await verify(first)).status).toBe(400)
  for (const malformed of ['12345', '1234567', 'abcdef', 123456, '１２３４５６'])
    expect((await verify(malformed)).body.code).toBe('VALIDATION_FAILED')
  expect((await verify(newest)).status).toBe(200)
})

test('who lost the password sets a new one by a code; every session ends', async () => {
  const { phone, access, refresh } = await registerPerson(server)
  await receivedCode(server, phone)
  const known = await server.call(
    'POST',
    '/api/auth/password-reset/request/',
    { phone_number: phone },
    elsewhere(),
  )
  const stranger = newPhone()
  const unknown = await server.call(
    'POST',
    '/api/auth/password-reset/request/',
    { phone_number: stranger },
    elsewhere(),
  )
  expect([known.status, known.text]).toEqual([202, unknown.text])
  expect(unknown.status).toBe(202)
  const code = await receivedCode(server, phone, 2)
  const NEW = 'une autre mangue, plus mûre'
  const confirm = (phone_number: string, reset_code: string, new_password = NEW) =>
    server.call(
      'POST',
      '/api/auth/password-reset/confirm/',
      { phone_number, reset_code, new_password },
      elsewhere(),
    )
  const wrong = await confirm(phone, otherThan(code))
  expect([wrong.status, wrong.body.code]).toEqual([400, 'CODE_INVALID'])
  expect(same(await confirm(stranger, code))).toEqual(same(wrong))
  expect((await confirm(phone, code, 'motdepasse1')).body.code).toBe('PASSWORD_TOO_COMMON')
  expect((await confirm(phone, code)).status).toBe(200)
  expect(same(await confirm(phone, code))).toEqual(same(wrong))
  expect((await server.call('GET', '/api/auth/profile', undefined, bearer(access))).status).toBe(401)
  expect((await server.call('POST', '/api/auth/token/refresh', { refresh })).status).toBe(401)
  expect((await signIn(server, { phone_number: phone, password: PASSWORD })).status).toBe(401)
  expect((await signIn(server, { phone_number: phone, password: NEW })).status).toBe(200)
  const codes = await server.db.one(
    sql`select count(*) as n from identity_codes where phone_number = ${stranger}`,
  )
  expect(codes).toEqual({ n: 0n })
})

test('everything of people is answered in French and in English', async () => {
  const ask = (language: string) =>
    signIn(
      server,
      { phone_number: newPhone(), password: 'whatever it is' },
      { ...elsewhere(), 'accept-language': language },
    )
  expect((await ask('fr')).body.title).toBe('Ce numéro ou cet e-mail et ce mot de passe ne vont pas ensemble')
  expect((await ask('en')).body.title).toBe('This number or e-mail and this password do not belong together')
})
