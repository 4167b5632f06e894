import { CsvError, parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Refusal } from '../../platform/errors.ts'
import { refuserIn } from './faults.ts'
import { readRecords } from './records.ts'

async function* piecesOf(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size)
}

/** Ours: the records after the header, with the line where each begins; the line of the fault when one is found. */
async function cutByUs(
  text: string,
  size: number,
): Promise<{ cells: string[][]; lines: number[] } | 'fault'> {
  const out = { cells: [] as string[][], lines: [] as number[] } // widens the element types of empty arrays
  try {
    for await (const records of readRecords(piecesOf(text, size), refuserIn('en'))) {
      out.cells.push(...records.cells)
      out.lines.push(...records.lines)
    }
  } catch (error) {
    if (error instanceof Refusal) return 'fault'
    throw error
  }
  return { cells: out.cells.slice(1), lines: out.lines.slice(1) }
}

/** csv-parse's, without the records of blank cells, which are blank lines to us. */
function cutByCsvParse(text: string): { cells: string[][]; lines: number[] } | 'fault' {
  const options = { record_delimiter: '\n', relax_column_count: true, delimiter: ',', quote: '"' }
  try {
    const cells: string[][] = []
    const lines: number[] = []
    let line = 1
    for (const record of parse(text, options)) {
      if (record.some((cell) => cell.trim() !== '')) {
        cells.push(record)
        lines.push(line)
      }
      line += 1 + record.join('').split('\n').length - 1
    }
    return { cells: cells.slice(1), lines: lines.slice(1) }
  } catch (error) {
    if (error instanceof CsvError) return 'fault'
    throw error
  }
}

const HEADER = 'type_id,valeur_id,devise,montant'
const sizes = fc.integer({ min: 1, max: 40 })

test('any text made of cells, quotes and separators is cut as csv-parse cuts it, in pieces of any size', async () => {
  const token = fc.constantFrom(
    'a',
    'é',
    '1',
    '"',
    '""',
    '"x"',
    '","',
    ',',
    ',',
    '\n',
    '\n',
    ' ',
    '"a,b\nc"',
    ';',
  )
  await fc.assert(
    fc.asyncProperty(fc.array(token, { maxLength: 40 }), sizes, async (tokens, size) => {
      const text = `${HEADER}\n${tokens.join('')}`
      expect(await cutByUs(text, size)).toEqual(cutByCsvParse(text))
    }),
    { numRuns: 3000 },
  )
})

test('any well-formed records are cut as csv-parse cuts them, in pieces of any size', async () => {
  const cell = fc.oneof(
    fc.stringMatching(/^[a-z0-9 ;]{0,6}$/),
    fc.stringMatching(/^[a-z",\n ]{0,6}$/).map((text) => `"${text.replaceAll('"', '""')}"`),
  )
  const records = fc.array(fc.array(cell, { minLength: 1, maxLength: 5 }), { maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(records, sizes, fc.boolean(), async (list, size, last) => {
      const text = [HEADER, ...list.map((cells) => cells.join(','))].join('\n') + (last ? '\n' : '')
      const ours = await cutByUs(text, size)
      expect(ours).not.toBe('fault')
      expect(ours).toEqual(cutByCsvParse(text))
    }),
    { numRuns: 1000 },
  )
})
