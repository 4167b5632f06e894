import { beforeAll, expect, test } from 'vitest'
import { freshDatabase } from '../../test/harness/database.ts'
import { advanceClock } from '../platform/clock.ts'
import { sql, type Db } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { openIdentity } from './identity.ts'
import { cleanThrottles } from './sql/throttles.ts'
import { countLogin, countRegistration, networkOf } from './throttle.ts'

let db: Db
const identity = openIdentity({
  secret_key: 'a secret key of the tests, long enough',
  sendCode: async () => true,
  askReset: async () => undefined,
  sendInvitation: () => Promise.resolve(),
})
beforeAll(async () => {
  db = (await freshDatabase()).db
})

let last = 0
const address = (): string => `10.1.${(last += 1) >> 8}.${last & 255}`
const login = (account: string, from = address()) => countLogin(db, identity, { account, address: from })
const isRefused = async (counting: Promise<unknown>): Promise<boolean> =>
  counting.then(
    () => false,
    (error: unknown) => {
      if (
        error instanceof Refusal &&
        error.code === 'TOO_MANY_REQUESTS' &&
        (error.more.retry_after_s ?? 0) > 0
      )
        return true
      throw error
    },
  )

/** What the last counted try of an account must wait, in seconds: exact, whatever the machine's pace. */
const delayOf = async (account: string): Promise<number> => {
  const subject = identity.digest('login account', account)
  const row = await db.one<{ wait_s: number }>(sql`
    select coalesce(extract(epoch from refused_until - last_at), 0)::float8 as wait_s
    from identity_throttles where subject = ${subject}`)
  return row.wait_s
}

test('five tries are free; each further one waits twice as long, up to a quarter of an hour', async () => {
  const delays: number[] = []
  for (let i = 0; i < 17; i++) {
    await login('person:1')
    const wait_s = await delayOf('person:1')
    delays.push(wait_s)
    await advanceClock(db, wait_s)
  }
  expect(delays).toEqual([0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900])
  expect(await isRefused(login('person:2'))).toBe(false)
})

test('a refused try changes nothing, and a success forgets what was counted', async () => {
  for (let i = 0; i < 10; i++) {
    await login('person:3')
    await advanceClock(db, await delayOf('person:3'))
  }
  const last_try = await login('person:3')
  for (let i = 0; i < 3; i++) expect(await isRefused(login('person:3'))).toBe(true)
  expect(await delayOf('person:3')).toBe(64)
  await last_try.succeeded()
  await login('person:3')
  expect(await delayOf('person:3')).toBe(0)
})

test('a day after its first try the count begins again', async () => {
  for (let i = 0; i < 5; i++) await login('person:4')
  await advanceClock(db, 86_401)
  await login('person:4')
  expect(await delayOf('person:4')).toBe(0)
})

test('of a hundred tries at once at an account whose next wait is long, one is allowed', async () => {
  for (let i = 0; i < 14; i++) {
    await login('person:5')
    await advanceClock(db, await delayOf('person:5'))
  }
  const refused = await Promise.all(Array.from({ length: 100 }, () => isRefused(login('person:5'))))
  expect(refused.filter((one) => !one)).toHaveLength(1)
})

test('an address that tries many accounts has fifty free, and its right passwords do not count', async () => {
  const from = '10.9.9.9'
  const delay = async (): Promise<unknown> =>
    db.one(sql`select counted, refused_until is null as free from identity_throttles
      where subject = ${identity.digest('login address', from)}`)
  for (let i = 0; i < 60; i++) await (await login(`a:${i}`, from)).succeeded()
  expect(await delay()).toEqual({ counted: 0, free: true })
  for (let i = 0; i < 49; i++) await login(`b:${i}`, from)
  expect(await delay()).toEqual({ counted: 49, free: true })
  await login('c', from)
  expect(await delay()).toEqual({ counted: 50, free: false })
})

test('five registrations an hour from an address, also at once; a neighbour of the same /64 is the same', async () => {
  const ask = (from: string) => isRefused(countRegistration(db, identity, from))
  const refused = await Promise.all(Array.from({ length: 20 }, () => ask('2001:db8:1:2::7')))
  expect(refused.filter((one) => !one)).toHaveLength(5)
  expect(await ask('2001:db8:1:2:ffff:1:2:3')).toBe(true)
  expect(await ask('2001:db8:1:3::7')).toBe(false)
  await advanceClock(db, 3_601)
  expect(await ask('2001:db8:1:2::7')).toBe(false)
})

test('networks are read from every spelling of an address', () => {
  expect(networkOf('196.200.1.7')).toBe('196.200.1.7')
  expect(networkOf('2001:db8:1:2::7')).toBe('2001:db8:1:2')
  expect(networkOf('2001:db8::7')).toBe('2001:db8:0:0')
  expect(networkOf('::1')).toBe('0:0:0:0')
  expect(networkOf('fe80::1%eth0')).toBe('fe80:0:0:0')
  expect(networkOf('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2')
})

test('what was not tried for a week is cleared away, and names nobody until then', async () => {
  const rows = await db.many<{ text: string }>(sql`select t::text as text from identity_throttles t`)
  for (const { text } of rows) expect(text).not.toMatch(/person|10\.1\.|2001:db8/)
  await advanceClock(db, 8 * 86_400)
  expect(await cleanThrottles(db)).toBe(rows.length)
})
