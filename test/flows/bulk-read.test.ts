import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sql } from '../../src/platform/db.ts'
import { foreignBatch } from '../harness/foreign.ts'
import { magic, numberAt, standardCsv } from '../harness/multipart.ts'
import { openServer, type TestServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

const env = { MOJALOOP_TIMEOUT_S: '0.5' }
let server: TestServer
let foreign: string
beforeAll(async () => {
  server = await openServer({ env })
  foreign = await foreignBatch(server)
})
afterAll(() => server.stop())

const HEADER = 'transferId,amount,currency,partyIdType,partyIdentifier'
const get = (path: string) => server.call('GET', `/api/bulk-transfers${path}`)
const upload = async (csv: string): Promise<string> => (await server.upload(csv)).body.bulkTransferId
const final = async (id: string): Promise<void> =>
  void (await until(`${id} is final`, async () => (await get(`/${id}/status`)).body.completed_at !== null))

describe('every reading route', () => {
  test.each(['status', 'details', 'results.csv', 'lines/tx-1'])(
    '%s: 404 for what is not there or not ours, 405 for other methods, 400 for other queries',
    async (path) => {
      for (const id of ['bulk-none', foreign]) {
        const answer = await get(`/${id}/${path}`)
        expect([answer.status, answer.body.code]).toEqual([404, 'BULK_NOT_FOUND'])
      }
      const post = await server.call('POST', `/api/bulk-transfers/${foreign}/${path}`)
      expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS'])
      if (path.startsWith('lines')) return
      expect((await get(`/${foreign}/${path}?status=PAID`)).body.errors[0].pointer).toBe('/query/status')
      if (path === 'results.csv') return
      for (const query of ['limit=0', 'limit=1001', 'limit=x', 'cursor=-1', 'cursor=a'])
        expect((await get(`/${foreign}/${path}?${query}`)).status).toBe(400)
    },
  )
})

describe('status', () => {
  test('pages through the lines in their order, and filters them', async () => {
    const rows = Array.from({ length: 25 }, (_, i) => {
      const to = i % 5 === 0 ? magic('003', i % 10) : numberAt(i)
      return `p-${i},${100 + i},XOF,MSISDN,${to}`
    })
    const id = await upload([HEADER, ...rows].join('\n'))
    await final(id)
    const seen: string[] = []
    let path = `/api/bulk-transfers/${id}/status?limit=10`
    for (;;) {
      const answer = await server.call('GET', path)
      seen.push(...answer.body.individualTransfers.map((line: { transferId: string }) => line.transferId))
      expect(answer.body.total).toBe(25)
      if (answer.body.next_cursor === undefined) break
      path = /^<(.+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1] ?? ''
    }
    expect(seen).toEqual(rows.map((row) => row.split(',')[0]))
    const failed = await get(`/${id}/status?status=FAILED&limit=3`)
    expect(failed.body.individualTransfers.map((line: { transferId: string }) => line.transferId)).toEqual([
      'p-0',
      'p-5',
      'p-10',
    ])
    const more = await server.call('GET', /<(.+)>/.exec(failed.headers.get('link') ?? '')?.[1] ?? '')
    expect(more.body.individualTransfers).toHaveLength(2)
    expect(more.body.next_cursor).toBeUndefined()
    const line = more.body.individualTransfers[0]
    expect(line).toMatchObject({
      transferId: 'p-15',
      amount: 115,
      currency: 'XOF',
      status: 'FAILED',
      payee_party_id_type: 'MSISDN',
      payee_party_identifier: magic('003', 5),
    })
  })

  test('gives a thousand lines at most, and says where to go on', async () => {
    const id = await upload(standardCsv(1_001, 5_000))
    const { body } = await get(`/${id}/status`)
    expect([body.individualTransfers.length, body.next_cursor]).toEqual([1_000, '1000'])
    expect((await get(`/${id}/status?cursor=1000`)).body.individualTransfers).toHaveLength(1)
    expect((await get(`/${id}/status?cursor=999999999`)).body.individualTransfers).toEqual([])
  })
})

describe('history', () => {
  test('lists this organisation’s batches, newest first, by state and by day', async () => {
    const one = await upload(`${HEADER}\nh-1,100,XOF,MSISDN,${magic('003')}\n`)
    const two = await upload(
      `${HEADER}\nh-2,100,XOF,MSISDN,${numberAt(60)}\nh-3,50,XOF,MSISDN,${numberAt(61)}\n`,
    )
    await final(one)
    await final(two)
    const all = (await get('/history')).body
    expect(all).toMatchObject({ limit: 50, offset: 0, count: all.total })
    const ids = all.results.map((batch: { bulk_id: string }) => batch.bulk_id)
    expect(ids.slice(0, 2)).toEqual([two, one])
    expect(ids).not.toContain(foreign)
    expect(Object.keys(all.results[0])).toEqual([
      'id',
      'bulk_id',
      'state',
      'total_amount',
      'currency',
      'transfers_count',
      'completed_count',
      'failed_count',
      'payer_account',
      'organization',
      'awaiting_approval',
      'created_at',
    ])
    expect(all.results[0]).toMatchObject({
      state: 'COMPLETED',
      total_amount: 150,
      transfers_count: 2,
      completed_count: 2,
      organization: 'Caisse de démonstration',
    })
    const failed = (await get('/history?state=FAILED')).body
    expect([failed.total, failed.results[0].bulk_id]).toEqual([1, one])
    const second = (await get('/history/?limit=1&offset=1')).body
    expect([second.total, second.count, second.results[0].bulk_id]).toEqual([all.total, 1, one])

    const today = all.results[0].created_at.slice(0, 10)
    const total = async (query: string): Promise<number> => (await get(`/history?${query}`)).body.total
    expect(await total(`start_date=${today}&end_date=${today}`)).toBe(all.total)
    expect(await total(`end_date=2020-01-01`)).toBe(0)
    expect(await total(`start_date=9999-12-31`)).toBe(0)
    expect(await total(`start_date=0000-01-01&end_date=9999-12-31`)).toBe(all.total)
    const at = encodeURIComponent(all.results[0].created_at)
    expect(await total(`start_date=${at}`)).toBe(1)
    expect(await total(`end_date=${at}`)).toBe(all.total - 1)
  })

  test('refuses what it does not know', async () => {
    for (const query of [
      'state=DONE',
      'limit=201',
      'limit=0',
      'offset=-1',
      'start_date=2026-02-30',
      'end_date=x',
    ]) {
      const answer = await get(`/history?${query}`)
      expect([query, answer.status]).toEqual([query, 400])
      expect(answer.body.errors[0].pointer).toBe(`/query/${query.split('=')[0]}`)
    }
    expect((await server.call('POST', '/api/bulk-transfers/history')).status).toBe(405)
  })
})

describe('results.csv', () => {
  test('gives every line with its outcome, and nothing that a spreadsheet would run', async () => {
    const csv = [
      `${HEADER},name`,
      `=SUM(A1),1,XOF,MSISDN,${numberAt(70)},x`,
      `-ok,100,XOF,ALIAS,@awa,"=HYPERLINK(""http://x"",""Awa"")"`,
      `+ok,100,XOF,MSISDN,${magic('003')},"Ngo; ""Awa"""`,
      `ok,100,XOF,MSISDN,${numberAt(71)},'=1+1`,
    ]
    expect((await server.upload(csv.join('\n'))).body.errors[0].column).toBe('transferId')
    const id = await upload(csv.filter((_, i) => i !== 1).join('\n'))
    await final(id)
    const answer = await get(`/${id}/results.csv`)
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="${id}-results.csv"`)
    const rows = parse(answer.text, { columns: true }) as Record<string, string>[]
    expect(Object.keys(rows[0] ?? {})).toEqual([
      'transferId',
      'amount',
      'fee',
      'currency',
      'partyIdType',
      'partyIdentifier',
      'name',
      'status',
      'errorCode',
      'errorMessage',
      'completedAt',
      'fulfilment',
    ])
    expect(rows.map(({ transferId, name, partyIdentifier }) => [transferId, name, partyIdentifier])).toEqual([
      ["'-ok", `'=HYPERLINK("http://x","Awa")`, "'@awa"],
      ["'+ok", 'Ngo; "Awa"', magic('003')],
      ['ok', "''=1+1", numberAt(71)],
    ])
    expect(rows[1]).toMatchObject({ status: 'FAILED', amount: '100', fee: '0', fulfilment: '' })
    expect(rows[1]?.['errorCode']).toMatch(/^[A-Z_]+$/)
    expect(rows[2]?.['completedAt']).toMatch(/^\d{4}-\d\d-\d\dT/)
    for (const cell of rows.flatMap((row) => Object.values(row))) expect(cell).not.toMatch(/^[=+\-@\t\r]/)
    const failed = await get(`/${id}/results.csv?status=FAILED`)
    expect(failed.text.split('\r\n')).toHaveLength(3)
  })

  test('a hundred thousand lines stream in bounded memory', async () => {
    const id = await upload(standardCsv(100_000, 100_000))
    await server.call('POST', `/api/bulk-transfers/${id}/cancel`, {})
    const answer = await fetch(`${server.base}/api/bulk-transfers/${id}/results.csv`)
    const before = process.memoryUsage()
    let [lines, peak, bytes] = [0, 0, 0]
    for await (const piece of answer.body ?? []) {
      for (const byte of piece) if (byte === 10) lines++
      bytes += piece.length
      const now = process.memoryUsage()
      peak = Math.max(peak, now.heapUsed + now.external - before.heapUsed - before.external)
    }
    expect(lines).toBe(100_001)
    expect(bytes).toBeGreaterThan(5_000_000)
    expect(peak).toBeLessThan(100_000_000)
  })
})

test('a client that goes in the middle of an export takes nothing with it', async () => {
  const { bulk_id } = await server.db.one<{ bulk_id: string }>(
    sql`select bulk_id from bulk_public_batches order by total desc limit 1`,
  )
  const stop = new AbortController()
  const answer = await fetch(`${server.base}/api/bulk-transfers/${bulk_id}/results.csv`, {
    signal: stop.signal,
  })
  await answer.body?.getReader().read()
  stop.abort()
  for (let i = 0; i < 20; i++) expect((await get(`/${bulk_id}/status?limit=1`)).status).toBe(200)
})
