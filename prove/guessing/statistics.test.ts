import { expect, test } from 'vitest'
import { randomOf } from '../../test/harness/seed.ts'
import { mannWhitney, median, poissonBound } from './statistics.ts'

test('ranks are compared as others compute it', () => {
  // By SciPy, mannwhitneyu(method='asymptotic'): without ties, and with.
  expect(mannWhitney([1, 2, 3, 4, 5], [6, 7, 8, 9, 10])).toBeCloseTo(0.012185780355344818, 5)
  expect(mannWhitney([1, 2, 2, 3, 5, 8], [2, 3, 3, 9, 9, 10])).toBeCloseTo(0.1666574703209076, 5)
  expect(mannWhitney([7, 7, 7], [7, 7])).toBe(1)
})

test('a shift of a tenth of the spread is found in two thousand, none is found where there is none', () => {
  const random = randomOf(1, 'statistics')
  const draw = (shift: number): number[] =>
    Array.from({ length: 2_000 }, () => shift + random() + random() + random())
  expect(mannWhitney(draw(0), draw(0.1))).toBeLessThan(0.001)
  expect(mannWhitney(draw(0), draw(0))).toBeGreaterThan(0.001)
})

test('medians and bounds', () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5])
  expect(median([])).toBeNaN()
  expect([poissonBound(0.05, 1e-4), poissonBound(1, 1e-4), poissonBound(0, 1e-4)]).toEqual([2, 6, 0])
})
