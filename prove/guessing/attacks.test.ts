import { beforeAll, expect, test, vi } from 'vitest'
import { freshDatabase } from '../../test/harness/database.ts'
import { randomOf } from '../../test/harness/seed.ts'
import { LIMITS, type Limits } from '../../src/identity/identity.ts'
import type { Db } from '../../src/platform/db.ts'
import { judgeAttack, POLICY } from './allowance.ts'
import { everybodysCodes, hundredAtOnce, onesCodes, passwords, type Scene } from './attacks.ts'
import { lockedOut } from './lockout.ts'
import { enrol, openCapturing, type Codes, type Somebody } from './people.ts'

// A guess takes three round trips: some thousand of them take seconds on an idle machine, many on a busy one.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

let db: Db
let people: readonly Somebody[]
beforeAll(async () => {
  db = (await freshDatabase()).db
  people = await enrol(db, 150)
})

/** The same product with other limits: as if somebody had planted a bug. */
function scene(limits: Partial<Limits> = {}): Scene & { readonly codes: Codes } {
  const { identity, codes } = openCapturing()
  const changed = { ...identity, limits: { ...LIMITS, ...limits } }
  return { db, identity: changed, people: people.slice(20), random: randomOf(3, 'attacks'), codes }
}

const person = (n: number): Somebody => {
  const found = people[n]
  if (found === undefined) throw new Error('so many people were not made')
  return found
}

test('a guesser of everybody reads what an hour leaves, and is found when it leaves more', async () => {
  const held = await everybodysCodes(scene(), { name: 'held', guesses: 500, each: 5 })
  expect(held).toMatchObject({ guesses: 500, hours: 1 })
  expect(held.read).toBeGreaterThanOrEqual(200)
  expect(judgeAttack(held)).toEqual([])
  const loose = scene({ code_failures_per_hour: 10_000, code_failures: 10_000 })
  const found = judgeAttack(await everybodysCodes(loose, { name: 'loose', guesses: 1_000, each: 5 }))
  expect(found).toHaveLength(1)
  expect(found[0]).toMatch(/^loose: (9\d\d|1000) guesses were read where [68]00 may be$/)
})

test('a guesser of one person reads twenty, or what a day leaves, and is found when he reads more', async () => {
  const of = { person: person(0), days: 1, signs_in: false, each: 6 }
  const quiet = await onesCodes(scene(), { ...of, name: 'quiet' })
  expect([quiet.read, judgeAttack(quiet)]).toEqual([20, []])
  const daily = await onesCodes(scene(), { ...of, person: person(1), name: 'daily', days: 2, signs_in: true })
  expect(daily.read).toBeGreaterThan(20)
  expect(judgeAttack(daily)).toEqual([])
  const loose = scene({ code_failures: 10_000 })
  expect(judgeAttack(await onesCodes(loose, { ...of, person: person(2), name: 'loose' }))).toHaveLength(1)
})

test('of a hundred guesses at once five are read, and the database itself refuses a sixth', async () => {
  expect(await hundredAtOnce(scene(), person(3))).toBe(POLICY.code_tries)
  await expect(hundredAtOnce(scene({ code_tries: 1_000 }), person(4))).rejects.toThrow(
    'identity_codes_tries_check',
  )
})

test('passwords are tried as often as the waits leave, and more is found', async () => {
  for (const spread of ['addresses', 'accounts'] as const) {
    const held = await passwords(scene(), { name: `held ${spread}`, guesses: 200, spread })
    expect(held.read).toBeLessThan(200)
    expect(judgeAttack(held)).toEqual([])
    const free = { free: 10_000, longest_s: 1, forgotten_after_s: 900 }
    const loose = scene({ login_account: free, login_address: free })
    const name = `loose ${spread}`
    expect(judgeAttack(await passwords(loose, { name, guesses: 500, spread }))).toHaveLength(1)
  }
})

test('who was guessed at gets in again; a lock that nobody opens is found', async () => {
  const of = { name: 'locks', days: 1, signs_in: false, each: 6 }
  const here = scene()
  await onesCodes(here, { ...of, person: person(5) })
  await onesCodes(here, { ...of, person: person(6) })
  const asked = { codes: here.codes, account: 'locks', reset: person(5), phone: [person(6)] }
  expect(await lockedOut(here, asked)).toEqual([])
  const forever = scene({ codes_per_day: 0 })
  const found = await lockedOut(forever, { ...asked, codes: forever.codes })
  expect(found).toHaveLength(3)
})
