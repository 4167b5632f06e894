import { beforeAll, beforeEach, expect, test } from 'vitest'
import { freshDatabase } from '../../test/harness/database.ts'
import { advanceClock } from '../platform/clock.ts'
import { sql, type Db } from '../platform/db.ts'
import { checkCode, forgiveResetCodes, sendCode, type Verdict } from './code.ts'
import { openIdentity, type CodeMessage, type CodePurpose, type Limits } from './identity.ts'
import { openHasher } from './password/hash.ts'
import type { Person } from './person.ts'
import { createPerson } from './register.ts'

let db: Db
let sent: CodeMessage[] = []
const world = (limits: Partial<Limits> = {}) =>
  openIdentity({
    secret_key: 'a secret key of the tests, long enough',
    sendCode: async (_tx, message) => sent.push(message) > 0,
    askReset: async () => undefined,
    sendInvitation: () => Promise.resolve(),
    limits,
  })
const identity = world()
const HOUR_S = 3_600

beforeAll(async () => {
  db = (await freshDatabase()).db
})
beforeEach(() => {
  sent = []
})

let phones = 670_000_000
const { nobody } = openHasher()
async function someone(): Promise<Person> {
  const person = {
    phone_number: `+237${(phones += 1)}`,
    first_name: 'Awa',
    last_name: 'Diop',
    roles: ['BUYER'],
    preferred_language: 'fr',
  } as const
  return db.tx((tx) => createPerson(tx, 'test', { person, phc: nobody }))
}

const send = (person: Person, purpose: CodePurpose = 'VERIFY_PHONE', by = identity) =>
  db.tx((tx) => sendCode(tx, by, { person, purpose }))
const guess = (person: Person, code: string, purpose: CodePurpose = 'VERIFY_PHONE', by = identity) =>
  db.tx((tx) => checkCode(tx, by, { person, purpose, code }))
/** The budget of everybody is per hour of the clock: a test that counts on it begins with one. */
async function beginHour(): Promise<void> {
  const { left_s } = await db.one<{ left_s: number }>(sql`
    select extract(epoch from date_trunc('hour', cauri_now()) + interval '1 hour 1 second' - cauri_now())::float8 as left_s`)
  await advanceClock(db, left_s)
}
const newest = (): string => sent.at(-1)?.code ?? 'none'
const wrong = (): string => (newest() === '000000' ? '000001' : '000000')

test('a code of six digits is right once, in words of its person’s language', async () => {
  const person = await someone()
  expect(await send(person)).toEqual({ kind: 'sent' })
  expect(sent).toMatchObject([{ phone: person.phone_number, language: 'fr', purpose: 'VERIFY_PHONE' }])
  expect(newest()).toMatch(/^\d{6}$/)
  expect(await guess(person, newest())).toBe('right')
  expect(await guess(person, newest())).toBe('wrong')
})

test('a code is bound to person, phone and purpose, and only the newest counts', async () => {
  const [one, other] = [await someone(), await someone()]
  await send(one)
  const first = newest()
  expect(await guess(other, first)).toBe('wrong')
  expect(await guess(one, first, 'RESET_PASSWORD')).toBe('wrong')
  expect(await guess({ ...one, phone_number: other.phone_number }, first)).toBe('wrong')
  await send(one)
  if (newest() !== first) expect(await guess(one, first)).toBe('wrong')
  expect(await guess(one, newest())).toBe('right')
})

test('the database holds no code, and the same code of two people is not the same hash', async () => {
  const person = await someone()
  await send(person)
  const rows = await db.many<{ text: string }>(
    sql`select to_jsonb(c)::text as text from identity_codes c where person_id = ${person.id}`,
  )
  expect(rows).toHaveLength(1)
  expect(rows[0]?.text).not.toContain(`"${newest()}"`)
  expect(identity.digest('code', '1').equals(world().digest('code', '1'))).toBe(true)
  expect(identity.digest('code', '1').equals(identity.digest('other', '1'))).toBe(false)
})

test('five wrong tries spend a code: the right one comes too late', async () => {
  const person = await someone()
  await send(person)
  for (let i = 0; i < 5; i++) expect(await guess(person, wrong())).toBe('wrong')
  expect(await guess(person, newest())).toBe('wrong')
})

test('a hundred guesses at once are a hundred: five are judged', async () => {
  const person = await someone()
  await send(person)
  const guesses = Array.from({ length: 100 }, () => guess(person, wrong()))
  expect(new Set(await Promise.all(guesses))).toEqual(new Set<Verdict>(['wrong']))
  const row = await db.one(sql`select tries from identity_codes where person_id = ${person.id}`)
  expect(row).toEqual({ tries: 5 })
  expect(
    await db.one(sql`select failures from identity_code_failures where person_id = ${person.id}`),
  ).toEqual({
    failures: 5,
  })
})

test('a code is worth nothing after ten minutes', async () => {
  const person = await someone()
  await send(person)
  await advanceClock(db, 599)
  await send(person)
  await advanceClock(db, 601)
  expect(await guess(person, newest())).toBe('wrong')
  await send(person)
  await advanceClock(db, 595)
  expect(await guess(person, newest())).toBe('right')
})

test('three codes an hour and five a day go to a phone for a purpose, also when asked for at once', async () => {
  const person = await someone()
  const asked = await Promise.all(Array.from({ length: 10 }, () => send(person)))
  expect(asked.filter((one) => one.kind === 'sent')).toHaveLength(3)
  for (const one of asked)
    if (one.kind === 'too_many') {
      expect(one.wait_s).toBeGreaterThan(3_500)
      expect(one.wait_s).toBeLessThanOrEqual(HOUR_S)
    }
  expect(await send(person, 'RESET_PASSWORD')).toEqual({ kind: 'sent' })
  await advanceClock(db, HOUR_S)
  expect(await send(person)).toEqual({ kind: 'sent' })
  expect(await send(person)).toEqual({ kind: 'sent' })
  expect(await send(person)).toMatchObject({ kind: 'too_many' })
  await advanceClock(db, HOUR_S)
  expect(await send(person)).toMatchObject({ kind: 'too_many' })
  await advanceClock(db, 22 * HOUR_S)
  expect(await send(person)).toEqual({ kind: 'sent' })
})

test('after twenty wrong codes in a row not even the right one is accepted; another factor frees resets only', async () => {
  const person = await someone()
  for (const purpose of ['VERIFY_PHONE', 'RESET_PASSWORD'] as const) {
    for (let round = 0; round < 4; round++) {
      await advanceClock(db, 24 * HOUR_S)
      await send(person, purpose)
      for (let i = 0; i < 5; i++) expect(await guess(person, wrong(), purpose)).toBe('wrong')
    }
    await advanceClock(db, 24 * HOUR_S)
    await send(person, purpose)
    expect(await guess(person, newest(), purpose)).toBe('locked')
  }
  await db.tx((tx) => forgiveResetCodes(tx, person.id))
  expect(await guess(person, newest(), 'RESET_PASSWORD')).toBe('right')
  expect(await guess(person, newest())).toBe('locked')
})

test('a right code forgets the wrong ones before it', async () => {
  const person = await someone()
  for (let round = 0; round < 6; round++) {
    await advanceClock(db, 24 * HOUR_S)
    await send(person)
    for (let i = 0; i < 4; i++) await guess(person, wrong())
    expect(await guess(person, newest())).toBe('right')
  }
})

test('a guesser with many accounts is bounded by what everybody may get wrong in an hour', async () => {
  const most = 15
  const by = world({ code_failures_per_hour: most })
  await advanceClock(db, 24 * HOUR_S)
  await beginHour()
  await db.run(sql`delete from identity_code_budgets`)
  const people = await Promise.all(Array.from({ length: 12 }, someone))
  const verdicts: Record<Verdict, number> = { right: 0, wrong: 0, locked: 0, paused: 0 }
  let lucky = 0
  for (let hour = 0; hour < 8; hour++) {
    for (const person of people) {
      await send(person, 'VERIFY_PHONE', by)
      const code = sent.findLast((one) => one.person_id === person.id)?.code
      for (let i = 0; i < 4; i++) {
        const tried = String((hour * 4_000 + Number(person.id) * 7 + i) % 1_000_000).padStart(6, '0')
        const verdict = await guess(person, tried, 'VERIFY_PHONE', by)
        verdicts[verdict]++
        if (verdict === 'right') lucky += tried === code ? 1 : 1_000
      }
    }
    await advanceClock(db, HOUR_S)
  }
  const hours = await db.many<{ failures: number }>(sql`select failures from identity_code_budgets`)
  // Five codes a day and twenty wrong ones in a row bound each account besides: later hours may have none.
  expect(hours.length).toBeGreaterThanOrEqual(4)
  for (const { failures } of hours) expect(failures).toBeLessThanOrEqual(most)
  const judged = await db.one<{ n: bigint }>(
    sql`select sum(tries) as n from identity_codes where person_id >= ${people[0]?.id ?? 0n}`,
  )
  expect(Number(judged.n)).toBeLessThanOrEqual(hours.length * most + lucky)
  expect(verdicts.paused).toBeGreaterThan(0)
  expect(verdicts.right).toBe(lucky)
})

test('the budget of everybody holds when they all guess at once', async () => {
  const by = world({ code_failures_per_hour: 10 })
  await advanceClock(db, 24 * HOUR_S)
  await beginHour()
  await db.run(sql`delete from identity_code_budgets`)
  const people = await Promise.all(Array.from({ length: 8 }, someone))
  await Promise.all(people.map((person) => send(person, 'VERIFY_PHONE', by)))
  const wrongFor = (person: Person): string =>
    sent.find((one) => one.person_id === person.id)?.code === '000000' ? '000001' : '000000'
  const said = await Promise.all(
    people.flatMap((person) =>
      Array.from({ length: 4 }, () => guess(person, wrongFor(person), 'VERIFY_PHONE', by)),
    ),
  )
  expect(said.filter((verdict) => verdict === 'wrong')).toHaveLength(10)
  expect(said.filter((verdict) => verdict === 'paused')).toHaveLength(22)
})
