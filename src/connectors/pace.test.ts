import { expect, test } from 'vitest'
import { openPace } from './pace.ts'

test('so many begin in a second and no more, and a pause earns nothing', () => {
  let now = 0
  const pace = openPace(5, () => now)
  expect(Array.from({ length: 7 }, () => pace.wait_ms())).toEqual([0, 200, 400, 600, 800, 1_000, 1_200])
  now = 10_000
  expect(Array.from({ length: 3 }, () => pace.wait_ms())).toEqual([0, 200, 400])
})

test('0 is no limit', () => {
  const pace = openPace(0, () => 0)
  expect(Array.from({ length: 3 }, () => pace.wait_ms())).toEqual([0, 0, 0])
})
