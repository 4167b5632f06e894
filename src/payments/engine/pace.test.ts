import { expect, test } from 'vitest'
import { openPace } from './pace.ts'

test('the pace is the number of calls of the last span, at once when it rises, and nothing after a rest', () => {
  const pace = openPace()
  expect(pace.lately(0)).toBe(0)
  for (let ms = 0; ms < 200; ms += 2) pace.note(1_000 + ms)
  expect(pace.lately(1_199)).toBe(100)
  expect(pace.lately(1_200)).toBe(100)
  for (let n = 0; n < 150; n++) pace.note(1_210)
  expect(pace.lately(1_211)).toBe(150)
  expect(pace.lately(1_400)).toBe(150)
  expect(pace.lately(1_600)).toBe(0)
  pace.note(5_000)
  expect(pace.lately(5_000)).toBe(1)
})
