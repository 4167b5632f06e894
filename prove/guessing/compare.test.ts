import { expect, test } from 'vitest'
import { randomOf } from '../../test/harness/seed.ts'
import { judgeSurface, type Seen } from './compare.ts'

const PAIRS = 500

/** Pairs that last 150 ms give or take, whole pairs slowed by others; the known ones longer by `shift`. */
function seen(shift: number, answers: Seen['answers'] = [['401 same', '401 same']]): Seen {
  const random = randomOf(7, `compare ${shift}`)
  const [known, unknown]: [number[], number[]] = [[], []]
  for (let i = 0; i < PAIRS; i++) {
    const slowed = 150 + 200 * random() ** 4
    known.push(slowed + shift + random() + random())
    unknown.push(slowed + random() + random())
  }
  return { known, unknown, answers }
}

test('what is one and the same cannot be told apart', () => {
  const { figures, wrong } = judgeSurface('login', seen(0))
  expect(wrong).toEqual([])
  expect(figures).toMatchObject({ login_pairs: PAIRS, login_answers_differ: 0 })
})

test('unknown numbers that are answered without a hash are found', () => {
  const { wrong } = judgeSurface('login', seen(140))
  expect(wrong).toHaveLength(3)
  expect(wrong[0]).toMatch(/^login: the medians are 1[34]\d\.\d+ ms apart$/)
})

test('a quarter of a millisecond is found in pairs where the ranks of all see nothing', () => {
  const { wrong } = judgeSurface('login', seen(0.25))
  expect(wrong).toHaveLength(1)
  expect(wrong[0]).toContain('sign test')
})

test('answers that differ are found, however rare, and so is a surface where nothing was timed', () => {
  const answers: Seen['answers'] = [
    ...Array.from({ length: 99 }, () => ['401', '401'] as const),
    ['401', '429'],
  ]
  expect(judgeSurface('login', seen(0, answers)).wrong).toEqual(['login: answers that differ: 401 ≠ 429'])
  const nothing = { known: [], unknown: [], answers: [] }
  expect(judgeSurface('login', nothing).wrong).toEqual(['login: nothing was timed'])
})

test('where the contract tells, it tells that and no more', () => {
  const tells = { known: '409', unknown: '201' }
  const one = (a: string, b: string) => judgeSurface('register', seen(140, [[a, b]]), tells).wrong
  expect(one('409 PHONE_TAKEN', '201 made')).toEqual([])
  expect(one('500 broken', '201 made')).toEqual(['register: not as the contract says: 500 broken ≠ 201 made'])
})
