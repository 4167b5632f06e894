import fc from 'fast-check'
import { expect, test } from 'vitest'
import { freshDatabase } from '../../test/harness/database.ts'
import { arrayText } from './array-text.ts'
import { sql } from './db.ts'

const anyText = fc
  .string({ unit: 'binary', maxLength: 20 })
  .map((text) => text.replaceAll('\0', '').toWellFormed())

test('texts come back from the database as they went, whatever they hold', async () => {
  const { db } = await freshDatabase()
  const hard = ['', 'NULL', 'null', '{', '}', ',', '"', '\\', '\\"', ' a ', "'", '\n', 'é', '😀', '\\x41']
  const list = fc.array(fc.option(fc.oneof(anyText, fc.constantFrom(...hard))), { maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(list, async (texts) => {
      const row = await db.one<{ back: unknown }>(sql`select to_json(${texts}::text[]) as back`)
      expect(row.back).toEqual(texts)
    }),
    { numRuns: 200 },
  )
})

test('numbers, flags, times and bytes keep their values', async () => {
  const { db } = await freshDatabase()
  const at = new Date('2026-11-22T10:11:12.345Z')
  const bytes = Buffer.from([0, 1, 92, 34, 255])
  const row = await db.one<object>(sql`
    select ${[1n, -9007199254740993n, null]}::bigint[] = array[1, -9007199254740993, null] as whole,
      ${[1.5, -0.25]}::float8[] = array[1.5, -0.25]::float8[] as broken, ${[true, false]}::boolean[] = array[true, false] as flags,
      ${[at]}::timestamptz[] = array[${at}::timestamptz] as times, ${[bytes]}::bytea[] = array[${bytes}::bytea] as bytes,
      ${[]}::text[] = array[]::text[] as empty`)
  expect(row).toEqual({ whole: true, broken: true, flags: true, times: true, bytes: true, empty: true })
})

test('what has no plain text is a bug', () => {
  expect(() => arrayText([{}])).toThrow('type object')
  expect(() => arrayText([['nested']])).toThrow('type object')
})
