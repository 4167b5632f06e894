import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { commonPasswords, isCommonPassword } from './common.ts'
import { openHasher } from './hash.ts'

const cheap = { memory: 64, passes: 1, parallelism: 1 }

test('a password is kept as a PHC string of argon2id, with another salt each time', async () => {
  const hasher = openHasher()
  const phc = await hasher.hash('mangue verte 7')
  expect(phc).toMatch(/^\$argon2id\$v=19\$m=65536,t=3,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  expect(await hasher.hash('mangue verte 7')).not.toBe(phc)
  expect(await hasher.verify('mangue verte 7', phc)).toBe(true)
  expect(await hasher.verify('mangue verte 8', phc)).toBe(false)
  expect(await hasher.verify('mangue verte 7', hasher.nobody)).toBe(false)
})

test('the hash of an independent implementation is understood', async () => {
  // The reference implementation's own test (phc-winner-argon2, test.c): version 19, t=2, m=65536, p=1, "password" with "somesalt".
  const phc = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'
  expect(await openHasher().verify('password', phc)).toBe(true)
  expect(await openHasher().verify('Password', phc)).toBe(false)
})

test('the same letters count, however the keyboard composes them; all sixty-four and more of them', async () => {
  const hasher = openHasher({ cost: cheap })
  expect(
    await hasher.verify('caf\u00e9 du march\u00e9', await hasher.hash('cafe\u0301 du marche\u0301')),
  ).toBe(true)
  const long = 'é'.repeat(200)
  const phc = await hasher.hash(long)
  expect(await hasher.verify(long, phc)).toBe(true)
  expect(await hasher.verify(`${long.slice(1)}e`, phc)).toBe(false)
})

test('a hash of another cost is still verified, and known to be outdated', async () => {
  const old = await openHasher({ cost: cheap }).hash('mangue verte 7')
  const hasher = openHasher({ cost: { ...cheap, passes: 2 } })
  expect(await hasher.verify('mangue verte 7', old)).toBe(true)
  expect(hasher.isOutdated(old)).toBe(true)
  expect(hasher.isOutdated(await hasher.hash('mangue verte 7'))).toBe(false)
})

test('so many at once, so many in line; one more is refused, and the line moves on', async () => {
  const hasher = openHasher({ at_once: 2, waiting: 3 })
  const all = await Promise.allSettled(Array.from({ length: 12 }, () => hasher.hash('mangue verte 7')))
  const refused = all.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
  expect(all.filter((one) => one.status === 'fulfilled')).toHaveLength(5)
  expect(refused).toHaveLength(7)
  for (const reason of refused)
    expect(reason).toMatchObject({ code: 'UNAVAILABLE', more: { retry_after_s: expect.any(Number) } })
  await pause(0)
  expect(await hasher.hash('mangue verte 7')).toMatch(/^\$argon2id/)
})

test('the list of common passwords is long, and has what is tried first', () => {
  expect(commonPasswords().size).toBeGreaterThan(3_000)
  for (const password of commonPasswords()) expect(password.length).toBeGreaterThanOrEqual(8)
  const common = [
    'password',
    'Password1',
    'motdepasse',
    'azertyuiop',
    '12345678',
    'P@ssw0rd',
    'iloveyou',
    'douala237',
  ]
  for (const password of common) expect([password, isCommonPassword(password, [])]).toEqual([password, true])
  for (const password of ['TestPassword123!', 'SecurePassword123!', 'mangue verte 7'])
    expect([password, isCommonPassword(password, [])]).toEqual([password, false])
  expect(isCommonPassword('+237670123456', ['+237670123456'])).toBe(true)
})
