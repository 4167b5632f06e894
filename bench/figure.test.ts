import { describe, expect, test } from 'vitest'
import { allHeld, figure, format, markdownTable, median, textTable, type Measurement } from './figure.ts'

const rate: Measurement = { id: 'G1', what: 'bulk', unit: '/s', better: 'higher', samples: [400, 500, 460] }
const limit = { samples: [1_000, 1_100, 900], how: 'bare loop' }

describe('a figure', () => {
  test('is the median of its repetitions', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(() => median([])).toThrow('nothing was measured')
  })

  test.each<[string, Measurement, string, number | null]>([
    ['at its bar on the ratio', { ...rate, limit, bar: { on: 'ratio', value: 0.46 } }, 'held', 0.46],
    ['below it', { ...rate, limit, bar: { on: 'ratio', value: 0.47 } }, 'not reached', 0.46],
    ['without a bar', { ...rate, limit }, 'for information', 0.46],
    ['whose value must be high', { ...rate, bar: { on: 'measured', value: 461 } }, 'not reached', null],
    ['that is high enough', { ...rate, bar: { on: 'measured', value: 460 } }, 'held', null],
    [
      'that must be low, and has a limit that is lower',
      { ...rate, better: 'lower', limit: { samples: [230], how: 'x' }, bar: { on: 'measured', value: 459 } },
      'not reached',
      0.5,
    ],
    ['that is low enough', { ...rate, better: 'lower', bar: { on: 'measured', value: 460 } }, 'held', null],
    [
      'that is no number',
      { ...rate, samples: [Number.NaN], bar: { on: 'measured', value: 1 } },
      'not reached',
      null,
    ],
    [
      'that is low and no number',
      { ...rate, better: 'lower', samples: [Number.NaN], bar: { on: 'measured', value: 1 } },
      'not reached',
      null,
    ],
  ])('%s', (_title, measurement, verdict, ratio) => {
    const made = figure(measurement)
    expect(made.verdict).toBe(verdict)
    expect(made.ratio).toBe(ratio)
    expect(allHeld([figure(rate), made])).toBe(verdict !== 'not reached')
  })

  test('cannot have a bar on a ratio without a limit', () => {
    expect(() => figure({ ...rate, bar: { on: 'ratio', value: 1 } })).toThrow('without a limit')
  })
})

describe('the table', () => {
  const figures = [
    figure({ ...rate, limit, bar: { on: 'ratio', value: 0.45 }, note: 'upload 0.4 s' }),
    figure({
      id: 'G10',
      what: 'memory',
      unit: 'MB',
      better: 'lower',
      samples: [251],
      bar: { on: 'measured', value: 250 },
    }),
  ]

  test('is aligned text with the limits explained below', () => {
    expect(textTable(figures)).toBe(`\
     figure  measured  limit     ratio  bar           verdict
G1   bulk    460 /s    1,000 /s  0.46   ratio ≥ 0.45  held
G10  memory  251 MB                     ≤ 250 MB      not reached

  G1 bulk: limit: bare loop; upload 0.4 s`)
  })

  test('is Markdown as the repository formats it', () => {
    expect(markdownTable(figures)).toBe(`\
|     | figure | measured | limit    | ratio | bar          | verdict     |
| --- | ------ | -------- | -------- | ----- | ------------ | ----------- |
| G1  | bulk   | 460 /s   | 1,000 /s | 0.46  | ratio ≥ 0.45 | held        |
| G10 | memory | 251 MB   |          |       | ≤ 250 MB     | not reached |

- G1 bulk: limit: bare loop; upload 0.4 s`)
  })

  test.each([
    [1_234_567.8, '1,234,568'],
    [123.4, '123'],
    [12.34, '12.3'],
    [1.234, '1.23'],
    [0, '0'],
    [20, '20'],
    [100_000, '100,000'],
    [Number.POSITIVE_INFINITY, 'unknown'],
  ])('%d is written %s', (value, text) => {
    expect(format(value)).toBe(text)
  })
})
