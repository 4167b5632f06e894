import { afterAll, beforeAll, expect, test } from 'vitest'
import { sql } from '../../src/platform/db.ts'
import { numberAt, standardCsv } from '../harness/multipart.ts'
import { openServer, type Answer, type TestServer } from '../harness/server.ts'
import { tracesOf } from '../harness/traces.ts'

let server: TestServer
beforeAll(async () => {
  server = await openServer({ worker: false })
})
afterAll(() => server.stop())

const LIST = 'type_id,valeur_id,devise,montant'
const people = (n: number, from: number): string[] =>
  Array.from({ length: n }, (_, i) => `MSISDN,${numberAt(from + i)},XOF,${100 + i}`)
const list = (rows: readonly string[]): string => [LIST, ...rows].join('\n')
const advance = (days: number): Promise<number> =>
  server.db.run(sql`select platform_advance_clock(${days * 86_400})`)

async function refusedAsSame(answer: Answer, first: string): Promise<void> {
  expect([answer.status, answer.body.code, answer.body.bulkTransferId]).toEqual([409, 'SAME_LIST', first])
  expect(answer.body.detail).toContain(first)
  expect(answer.body.detail).toContain('allow_duplicate=true')
}

test('the same rows again are refused: whatever their order, encoding, delimiter, names and line ends', async () => {
  const rows = people(5, 1)
  const first = (await server.upload(list(rows))).body.bulkTransferId
  const before = await tracesOf(server.db)
  const shuffled = rows.toReversed()
  const semicolons = list(shuffled).replaceAll(',', ';').replaceAll('\n', '\r\n')
  for (const csv of [
    list(rows),
    list(shuffled),
    semicolons,
    Buffer.from(`\uFEFF${semicolons}`, 'utf16le'),
    `nom_complet,${LIST}\n${rows.map((row) => `Awa,${row.replace('MSISDN,', 'MSISDN,+')}`).join('\n')}\n\n`,
    [
      'transferId,partyIdType,partyIdentifier,currency,amount',
      ...rows.map((row, i) => `new-${i},${row}`),
    ].join('\n'),
  ])
    await refusedAsSame(await server.upload(csv), first)
  const english = await server.upload(list(rows), {}, { headers: { 'accept-language': 'en' } })
  expect(english.body).toMatchObject({ title: 'The same list was already sent', days_ago: 0 })
  expect(await tracesOf(server.db)).toEqual(before)

  expect((await server.upload(list([...rows, ...people(1, 50)]))).status).toBe(201)
  expect((await server.upload(list(rows.slice(1)))).status).toBe(201)
})

test('allow_duplicate=true pays the list once more, and says which batch had it first', async () => {
  const csv = list(people(3, 100))
  const first = (await server.upload(csv)).body.bulkTransferId
  const again = await server.upload(csv, { allow_duplicate: 'true' })
  expect(again.status).toBe(201)
  expect(again.body.warnings).toEqual([{ code: 'SAME_LIST', bulkTransferId: first, days_ago: 0 }])
  await refusedAsSame(await server.upload(csv, { allow_duplicate: 'false' }), again.body.bulkTransferId)
})

test('a file with its own ids, sent again as it is, is recognised before its ids are', async () => {
  const csv = standardCsv(150, 10_000)
  const first = (await server.upload(csv)).body.bulkTransferId
  const before = await tracesOf(server.db)
  const again = await server.upload(csv)
  await refusedAsSame(again, first)
  expect([again.body.error_count, again.body.errors.length]).toEqual([150, 100])
  expect(again.body.detail).toContain('de nouveaux transferId')
  const allowed = await server.upload(csv, { allow_duplicate: 'true' })
  expect([allowed.status, allowed.body.code]).toEqual([409, 'FILE_DUPLICATES'])
  expect(await tracesOf(server.db)).toEqual(before)
  const renamed = csv.replaceAll('tx-', 'tx2-')
  await refusedAsSame(await server.upload(renamed), first)
  expect((await server.upload(renamed, { allow_duplicate: 'true' })).status).toBe(201)
})

test.each([
  ['a payment list', list(people(400, 20_000))],
  ['a file with its own ids', standardCsv(400, 30_000)],
])('of eight uploads of %s at once exactly one is accepted', async (_, csv) => {
  const answers = await Promise.all(Array.from({ length: 8 }, () => server.upload(csv)))
  const accepted = answers.filter(({ status }) => status === 201)
  expect(accepted).toHaveLength(1)
  for (const answer of answers.filter((one) => one !== accepted[0]))
    await refusedAsSame(answer, accepted[0]?.body.bulkTransferId)
  expect(await server.spooled()).toEqual([])
})

test('another account’s list is another list', async () => {
  const csv = list(people(2, 40_000))
  expect((await server.upload(csv)).status).toBe(201)
  const xaf = csv.replaceAll('XOF', 'XAF')
  expect((await server.upload(xaf, { payer_account: 'ACC-237000001' })).status).toBe(201)
})

test('after twenty days it is a warning, after ninety nothing', async () => {
  const csv = list(people(4, 50_000))
  const first = (await server.upload(csv)).body.bulkTransferId
  await advance(19.9)
  const early = await server.upload(csv)
  await refusedAsSame(early, first)
  expect(early.body.days_ago).toBe(19)
  await advance(0.2)
  const late = await server.upload(csv)
  expect([late.status, late.body.warnings]).toEqual([
    201,
    [{ code: 'SAME_LIST', bulkTransferId: first, days_ago: 20 }],
  ])
  await refusedAsSame(await server.upload(csv), late.body.bulkTransferId)
  await advance(91)
  expect((await server.upload(csv)).body.warnings).toBeUndefined()
})
