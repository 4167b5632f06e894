import { afterAll, expect, test } from 'vitest'
import { checkIds, type TakenIds } from './duplicates.ts'
import { emptyScratch, fileOf, limits } from './test-file.ts'

afterAll(emptyScratch)

type Options = Parameters<typeof checkIds>[2]
const findDuplicates = async (path: string, options: Options = {}): Promise<TakenIds> =>
  (await checkIds(path, limits, options)).repeated

const HEADER = 'Montant;transferId;amount;currency;partyIdType;partyIdentifier'
const fileWith = (ids: readonly string[]): string =>
  fileOf([HEADER, ...ids.map((id) => `;${id};5;XAF;ALIAS;awa`)].join('\n'))

test('a transferId that stands twice is named with both lines, in both languages', async () => {
  const path = fileWith(['a', 'b', 'a', 'c', 'b', 'a'])
  const english = await findDuplicates(path, { language: 'en' })
  expect(english.count).toBe(3)
  expect(english.errors.map((fault) => [fault.line, fault.column, fault.code, fault.pointer])).toEqual([
    [4, 'transferId', 'TRANSFER_ID_DUPLICATE', '/rows/4/transferId'],
    [6, 'transferId', 'TRANSFER_ID_DUPLICATE', '/rows/6/transferId'],
    [7, 'transferId', 'TRANSFER_ID_DUPLICATE', '/rows/7/transferId'],
  ])
  expect(english.errors[1]?.detail).toBe(
    'Line 6, column “transferId”: “b”: this transferId is already on line 3.',
  )
  const french = await findDuplicates(path)
  expect(french.errors[0]?.detail).toContain('figure déjà à la ligne 2')
})

test('ids that differ only in case are two ids', async () => {
  expect(await findDuplicates(fileWith(['a', 'A']))).toEqual({ count: 0, errors: [] })
})

test('of many duplicates a hundred are listed and all are counted', async () => {
  const ids = Array.from({ length: 30_000 }, (_, i) => `tx-${i % 15_000}`)
  const { count, errors } = await findDuplicates(fileWith(ids), { language: 'en' })
  expect(count).toBe(15_000)
  expect(errors).toHaveLength(100)
  for (const fault of errors) {
    const [, id, first] = /“tx-(\d+)”.*line (\d+)\.$/.exec(fault.detail) ?? []
    expect(Number(first)).toBe(Number(id) + 2)
    expect(fault.line).toBe(Number(id) + 2 + 15_000)
  }
})

test('a payment list has no ids to compare, nor to look up', async () => {
  const path = fileOf('type_id,valeur_id,devise,montant\nALIAS,a,XAF,1\nALIAS,a,XAF,1\n')
  expect(await findDuplicates(path)).toEqual({ count: 0, errors: [] })
  const lookup = (): Promise<string[]> => Promise.reject(new Error('asked'))
  expect((await checkIds(path, limits, { lookup })).used).toEqual({ count: 0, errors: [] })
})

test('duplicates are found although another row is at fault', async () => {
  const path = fileOf(`${HEADER}\n;a;0;XAF;ALIAS;awa\n;b;1;XAF;ALIAS;awa\n;b;1;XAF;ALIAS;awa\n`)
  expect((await findDuplicates(path)).errors).toMatchObject([{ line: 4 }])
})

test('ids used before are asked for by the thousand, counted all and listed by line', async () => {
  const ids = Array.from({ length: 2500 }, (_, i) => `tx-${i}`)
  const asked: number[] = []
  const lookup = async (some: string[]): Promise<string[]> => {
    asked.push(some.length)
    return some.filter((id) => Number(id.slice(3)) % 10 === 0).toReversed()
  }
  const { used } = await checkIds(fileWith(ids), limits, { lookup, language: 'en' })
  const { count, errors } = used
  expect(asked).toEqual([1000, 1000, 500])
  expect(count).toBe(250)
  expect(errors.map((fault) => fault.line)).toEqual(Array.from({ length: 100 }, (_, i) => 2 + 10 * i))
  expect(errors[1]?.detail).toBe(
    'Line 12, column “transferId”: “tx-10”: this transferId was already used by this payer.',
  )
})
