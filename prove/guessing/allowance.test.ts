import { expect, test } from 'vitest'
import { LIMITS } from '../../src/identity/identity.ts'
import { expectedWins, judgeAttack, mostWins, POLICY, triesIn, triesOf } from './allowance.ts'

const attack = { name: 'one', guesses: 1_000, read: 20, wins: 0, may_be_read: 20, hours: 24 }

test('what is documented is what the product has', () => {
  const { account, address, ...codes } = POLICY
  expect(LIMITS).toMatchObject({ ...codes, login_account: account, login_address: address })
})

test('waits that double leave so many tries in a window', () => {
  const rule = { free: 5, longest_s: 4, forgotten_after_s: 11 }
  // Five at once, then after 1, 3, 7 and 11 seconds.
  expect(triesOf(rule)).toBe(9)
  expect([triesIn(rule, 10), triesIn(rule, 11)]).toEqual([9, 18])
  // 5 + ten waits of 1 to 512 s, then one in each 900 s: by hand (86,400 - 1,023) / 900 = 94.
  expect(triesOf(POLICY.account)).toBe(5 + 10 + 94)
})

test('more reads than the limits leave are found, and more wins than luck explains', () => {
  expect(judgeAttack(attack)).toEqual([])
  expect(judgeAttack({ ...attack, read: 21 })).toEqual(['one: 21 guesses were read where 20 may be'])
  expect(judgeAttack({ ...attack, wins: 1 })).toEqual(['one: 1 were right where luck explains 0 at most'])
  const month = { may_be_read: 200 * 24 * 30 }
  expect([expectedWins(month), mostWins(month)]).toEqual([0.144, 2])
  expect(judgeAttack({ ...attack, ...month, wins: 2 })).toEqual([])
  expect(judgeAttack({ ...attack, ...month, wins: 3 })).toHaveLength(1)
})
