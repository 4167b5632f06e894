import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readRows } from '../src/bulk/file/read-rows.ts'
import { copyOf, csvOf, payeeOf } from './csv.ts'

const list = { tag: 'b1', rows: 1_500, amount: 100, from: 998_500 }

test('every payee has a number of its own, and none is magic to the simulators', () => {
  const numbers = Array.from({ length: 3_000 }, (_, i) => payeeOf(997_500 + i))
  expect(new Set(numbers).size).toBe(3_000)
  for (const number of numbers) expect(number).toMatch(/^228[1-8]\d{7}$/)
  expect(numbers.filter((number) => number.slice(-6).startsWith('000'))).toEqual([])
  expect(payeeOf(0)).toBe('22810001000')
  expect(() => payeeOf(80_000_000)).toThrow('no payee')
})

test('the file is one that Cauri takes, row for row what is copied beside it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cauri-bench-csv-'))
  try {
    await writeFile(join(folder, 'list.csv'), csvOf(list))
    const reader = readRows(join(folder, 'list.csv'), { max_rows: 10_000, max_bytes: 1_000_000 })
    let copied = ''
    for await (const rows of reader)
      for (const row of rows)
        copied += `7\t${row.seq}\t9\t${row.transfer_id}\t${row.amount}\t${row.party_type}\t${row.party_identifier}\t\\N\t\\N\n`
    expect(reader.summary()).toMatchObject({ total: 1_500, total_amount: 150_000n, error_count: 0 })
    expect(copyOf(list, 7n, 9n).toString()).toBe(copied)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
