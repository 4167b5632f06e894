import { afterAll, beforeAll, expect, test } from 'vitest'
import { base32, stepAt, totpAt } from '../../src/identity/totp.ts'
import { advanceClock } from '../../src/platform/clock.ts'
import { sql } from '../../src/platform/db.ts'
import {
  BEHIND_PROXY,
  bearer,
  elsewhere,
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

test('codes are those of RFC 6238, appendix B', () => {
  const secret = Buffer.from('12345678901234567890')
  const cases = [
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ] as const
  for (const [at_s, code] of cases) expect(totpAt(secret, stepAt(at_s))).toBe(code)
  expect(base32(Buffer.from('foobar'))).toBe('MZXW6YTBOI')
})

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
function unbase32(text: string): Buffer {
  const bits = Array.from(text)
    .map((one) => ALPHABET.indexOf(one).toString(2).padStart(5, '0'))
    .join('')
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((eight) => Number.parseInt(eight, 2)))
}

type Protected = Registered & { readonly secret: Buffer; readonly recovery: readonly string[] }
const post = (path: string, body: object, access: string): Promise<Answer> =>
  server.call('POST', `/api/auth/second-factor/${path}/`, body, { ...bearer(access), ...elsewhere() })

/** What the app shows, so many steps from now. */
async function shown(secret: Buffer, steps = 0): Promise<string> {
  const { at_s } = await server.db.one<{ at_s: number }>(
    sql`select extract(epoch from cauri_now())::float8 as at_s`,
  )
  return totpAt(secret, stepAt(at_s) + steps)
}

/** A code of the step before is one step old for thirty seconds: a test that counts on it begins with a step. */
async function beginStep(): Promise<void> {
  const { at_s } = await server.db.one<{ at_s: number }>(
    sql`select extract(epoch from cauri_now())::float8 as at_s`,
  )
  await advanceClock(server.db, 30.5 - (at_s % 30))
}

async function protectedPerson(): Promise<Protected> {
  const person = await registerPerson(server)
  const setup = await post('setup', { password: PASSWORD }, person.access)
  expect(setup.status).toBe(200)
  expect(setup.body.otpauth_url).toContain(`secret=${setup.body.secret}`)
  const secret = unbase32(setup.body.secret)
  expect(secret).toHaveLength(20)
  const confirmed = await post('confirm', { otp: await shown(secret) }, person.access)
  expect(confirmed.status).toBe(200)
  await advanceClock(server.db, 60)
  return { ...person, secret, recovery: confirmed.body.recovery_codes }
}

const login = ({ phone }: Registered, otp?: string, password = PASSWORD): Promise<Answer> =>
  signIn(server, { phone_number: phone, password, ...(otp === undefined ? {} : { otp }) })

test('a second factor that is confirmed is asked for; a code of the app is good once, a step early or late', async () => {
  const person = await protectedPerson()
  expect((await login(person)).body.code).toBe('OTP_REQUIRED')
  expect((await login(person, await shown(person.secret), 'not the right one')).body.code).toBe(
    'CREDENTIALS_INVALID',
  )
  const code = await shown(person.secret)
  expect((await login(person, code)).status).toBe(200)
  expect((await login(person, code)).body.code).toBe('SECOND_FACTOR_INVALID')
  await advanceClock(server.db, 90)
  await beginStep()
  expect((await login(person, await shown(person.secret, -1))).status).toBe(200)
  expect((await login(person, await shown(person.secret, 1))).status).toBe(200)
  await advanceClock(server.db, 300)
  expect((await login(person, await shown(person.secret, -3))).body.code).toBe('SECOND_FACTOR_INVALID')
  expect((await login(person, await shown(person.secret, 3))).body.code).toBe('SECOND_FACTOR_INVALID')
})

test('before it is confirmed it protects nothing, and another may be set up', async () => {
  const person = await registerPerson(server)
  const first = await post('setup', { password: PASSWORD }, person.access)
  expect((await login(person)).status).toBe(200)
  const second = await post('setup', { password: PASSWORD }, person.access)
  expect(second.body.secret).not.toBe(first.body.secret)
  const old = await shown(unbase32(first.body.secret))
  expect((await post('confirm', { otp: old }, person.access)).body.code).toBe('SECOND_FACTOR_INVALID')
  expect((await post('setup', { password: 'not the right one' }, person.access)).body.code).toBe(
    'PASSWORD_WRONG',
  )
  const otp = await shown(unbase32(second.body.secret))
  expect((await post('confirm', { otp }, person.access)).status).toBe(200)
  expect((await post('setup', { password: PASSWORD }, person.access)).body.code).toBe('SECOND_FACTOR_EXISTS')
})

test('a recovery code stands in for the app, once; they are kept as hashes', async () => {
  const person = await protectedPerson()
  expect(new Set(person.recovery).size).toBe(10)
  const [one = '', other = ''] = person.recovery
  expect((await login(person, one)).status).toBe(200)
  expect((await login(person, one)).body.code).toBe('SECOND_FACTOR_INVALID')
  expect((await login(person, other.toUpperCase())).status).toBe(200)
  const rows = await server.db.many<{ text: string }>(sql`
    select r::text || f::text as text from identity_recovery_codes r join identity_second_factors f using (person_id)
    where person_id = ${person.id}`)
  expect(rows).toHaveLength(10)
  for (const { text } of rows) {
    expect(text).not.toContain(one)
    expect(text).not.toContain(person.secret.toString('hex'))
  }
})

test('who knows the password cannot guess the code: the password does not give tries back', async () => {
  const person = await protectedPerson()
  const wrong = async (): Promise<string> => ((await shown(person.secret)) === '000000' ? '000001' : '000000')
  const answers: number[] = []
  for (let i = 0; i < 5; i++) answers.push((await login(person, await wrong())).status)
  expect(answers).toEqual([403, 403, 403, 403, 403])
  for (let i = 0; i < 3; i++) {
    await server.db.run(sql`
      update identity_throttles set refused_until = cauri_now() + interval '1 hour' where refused_until is not null`)
    expect((await login(person)).body.code).toBe('OTP_REQUIRED')
    expect((await login(person, await shown(person.secret))).status).toBe(429)
  }
  await advanceClock(server.db, 3_700)
  expect((await login(person, await shown(person.secret))).status).toBe(200)
})

test('it is given up by password and code together', async () => {
  const person = await protectedPerson()
  const remove = async (password: string, otp: string) => post('remove', { password, otp }, person.access)
  expect((await remove('not the right one', await shown(person.secret))).body.code).toBe('PASSWORD_WRONG')
  expect((await remove(PASSWORD, 'aaaa-aaaa-aaaa')).body.code).toBe('SECOND_FACTOR_INVALID')
  expect((await remove(PASSWORD, await shown(person.secret))).status).toBe(200)
  expect((await login(person)).status).toBe(200)
})
