import { expect, test } from 'vitest'
import { randomOf } from '../../test/harness/seed.ts'
import { mannWhitney, median, medianError, poissonBound, signTest } from './statistics.ts'

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

test('the sign test is the one of coins, and a median errs less with more values', () => {
  const pairs = (above: number, below: number): [number, number][] => [
    ...Array.from({ length: above }, (): [number, number] => [2, 1]),
    ...Array.from({ length: below }, (): [number, number] => [1, 2]),
  ]
  expect(signTest(pairs(50, 50))).toBeCloseTo(1, 5)
  // Exactly: 0.0352 for sixty of a hundred or more, either way 0.0569.
  expect(signTest(pairs(60, 40))).toBeCloseTo(0.0569, 2)
  expect(signTest([[1, 1]])).toBe(1)
  const random = randomOf(2, 'median')
  const normal = (n: number): number[] =>
    Array.from({ length: n }, () => Array.from({ length: 12 }, random).reduce((a, b) => a + b, -6))
  // 1.2533 / √n of a standard normal, of two medians √2 times that.
  expect(medianError(normal(2_000), normal(2_000)) * Math.sqrt(2_000)).toBeCloseTo(1.2533 * Math.SQRT2, 0)
})
