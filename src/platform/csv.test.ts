import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { csvCell } from './csv.ts'

const nasty = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc
    .tuple(
      fc.string({
        unit: fc.constantFrom('=', '+', '-', '@', '\t', '\r', '\n', '＝', '＠', "'", '"', ';', ','),
        maxLength: 3,
      }),
      fc.string(),
    )
    .map(([first, rest]) => first + rest),
)

test('no cell of an export begins like a formula, and every text can be had back', () => {
  fc.assert(
    fc.property(fc.array(nasty, { minLength: 1, maxLength: 6 }), (texts) => {
      const row = texts.map((text) => csvCell(text)).join(',') + '\r\n'
      const [cells = []] = parse(row, { relax_column_count: true }) as string[][]
      if (texts.every((text) => text === '')) return // csv-parse takes a row of one empty cell for a blank line
      expect(cells).toHaveLength(texts.length)
      for (const [i, cell] of cells.entries()) {
        expect(cell).not.toMatch(/^[=+\-@\t\r\n＝＋－＠]/)
        expect(/^'+[=+\-@\t\r\n＝＋－＠]/.test(cell) ? cell.slice(1) : cell).toBe(texts[i])
      }
    }),
  )
})

test('amounts stay numbers, and what is missing is an empty cell', () => {
  expect([csvCell(-5n), csvCell(1500n), csvCell(null), csvCell(undefined)]).toEqual(['-5', '1500', '', ''])
})
