import { closeSync, openSync, writeSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { Refusal } from '../../platform/errors.ts'
import { emptyScratch, limits, pathOf, readAll, refusalOf } from './test-file.ts'
import { readRows } from './read-rows.ts'

afterAll(emptyScratch)

const HEADER = 'type_id,valeur_id,devise,montant,nom\n'
const MB = 1_000_000

/** A file of `start`, then `piece` again and again up to that many megabytes, then `end`. */
function largeFile(start: string, piece: string, { mb, end = '' }: { mb: number; end?: string }): string {
  const path = pathOf()
  const block = Buffer.from(piece.repeat(Math.ceil(MB / piece.length)))
  const file = openSync(path, 'w')
  writeSync(file, start)
  for (let i = 0; i < mb; i++) writeSync(file, block)
  writeSync(file, end)
  closeSync(file)
  return path
}

/** Reads to the end or to the refusal, with the greatest growth of the process on the way, in megabytes. */
async function readWatched(
  path: string,
): Promise<{ refusal: Refusal | undefined; rows: number; grown_mb: number }> {
  const before = process.memoryUsage().rss
  let peak = before
  let rows = 0
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
  }, 5)
  const reader = readRows(path, { ...limits, max_rows: 3 * MB })
  const reading = (async (): Promise<undefined> => {
    for await (const chunk of reader) rows += chunk.length
  })()
  const refusal = await reading.catch((error: unknown) => {
    if (error instanceof Refusal) return error
    throw error
  })
  clearInterval(watch)
  peak = Math.max(peak, process.memoryUsage().rss)
  return { refusal, rows, grown_mb: (peak - before) / MB }
}

/** Loose: the engine's young generation alone may take some 50 MB. A file held in memory would take more. */
const MAX_GROWTH_MB = 100

const hostile: readonly (readonly [string, () => string, string, number | undefined])[] = [
  ['one line of 100 MB', () => largeFile(HEADER, 'x', { mb: 100 }), 'FILE_NOT_CSV', 2],
  ['a header of 40 MB', () => largeFile('', 'x', { mb: 40 }), 'FILE_NOT_CSV', 1],
  ['a row of 40 million commas', () => largeFile(`${HEADER}ALIAS`, ',', { mb: 40 }), 'FILE_NOT_CSV', 2],
  ['a quoted cell of 40 MB', () => largeFile(`${HEADER}"`, 'x\n', { mb: 40 }), 'FILE_NOT_CSV', 2],
  ['quoted cells without end', () => largeFile(`${HEADER}"a"`, ',"\n"', { mb: 40 }), 'FILE_NOT_CSV', 2],
  ['40 MB of blank lines', () => largeFile('', ' \n;;\r\n', { mb: 40 }), 'FILE_EMPTY', undefined],
  [
    'an unclosed quote after 50 MB',
    () =>
      largeFile(`note,${HEADER}`, `"${'é'.repeat(489)}",ALIAS,awa,XAF,1,\n`, {
        mb: 50,
        end: 'n,ALIAS,a,XAF,1,"Awa',
      }),
    'FILE_NOT_CSV',
    Math.ceil(MB / 509) * 50 + 2,
  ],
  [
    '10,000 columns',
    () => largeFile(`${HEADER.trim()}${',x'.repeat(10_000)}\n`, 'x\n', { mb: 1 }),
    'FILE_HEADER_UNKNOWN',
    1,
  ],
]

test.each(hostile)('%s is refused in bounded memory', async (_, make, code, line) => {
  const { refusal, grown_mb } = await readWatched(make())
  expect([refusal?.code, refusal?.more.errors?.[0]?.line]).toEqual([code, line])
  expect(grown_mb).toBeLessThan(MAX_GROWTH_MB)
})

test('three hundred thousand rows need no more memory than a piece of them', async () => {
  const path = largeFile(HEADER, 'MSISDN,237699123456,XAF,1500,Awa Ngo\n', { mb: 12 })
  const { refusal, rows, grown_mb } = await readWatched(path)
  expect(refusal).toBeUndefined()
  expect(rows).toBe(Math.ceil(MB / 37) * 12)
  expect(grown_mb).toBeLessThan(MAX_GROWTH_MB)
})

test('half a million faulty rows are counted, a hundred are kept', async () => {
  const path = largeFile(HEADER, 'ALIAS,=1+1,xaf,1E+05\n', { mb: 10 })
  const { summary } = await readAll(path)
  expect(summary.errors).toHaveLength(100)
  expect(summary.error_count).toBe(summary.total)
})

test('reading stops at the first row too many, however long the file is', async () => {
  const path = largeFile(HEADER, 'ALIAS,awa,XAF,1,\n', { mb: 30 })
  const reader = readRows(path, { max_rows: 1000, max_bytes: 268_435_456 })
  let rows = 0
  const reading = (async (): Promise<void> => {
    for await (const chunk of reader) rows += chunk.length
  })()
  const refusal = await refusalOf(reading)
  expect([refusal.code, refusal.more.errors?.[0]?.line]).toEqual(['FILE_TOO_LARGE', 1002])
  expect(rows).toBeLessThanOrEqual(1000)
})
