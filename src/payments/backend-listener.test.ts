import { randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  adapterAt,
  holdLock,
  mismatches,
  openBackend,
  openPayee,
  PAYEE,
  quoteBody,
  receivedBy,
  transferBody,
  type Adapter,
} from '../../test/harness/backend.ts'
import { freshDatabase } from '../../test/harness/database.ts'
import { historyOf } from '../audit/index.ts'
import { openDb, sql, type Db } from '../platform/db.ts'
import type { BackendListener } from './index.ts'

let db: Db
let url: string
let listener: BackendListener
let adapter: Adapter
let reserving: Adapter
const opened: BackendListener[] = []

beforeAll(async () => {
  ;({ db, url } = await freshDatabase())
  await openPayee(db, 'ACC-PAYEE')
  listener = await openBackend(db)
  const second = await openBackend(db, { credit: 'AT_NOTIFICATION' })
  opened.push(listener, second)
  adapter = adapterAt(listener.port)
  reserving = adapterAt(second.port)
})
afterEach(async () => {
  expect(await mismatches(db)).toEqual([])
})
afterAll(async () => {
  for (const one of opened) await one.close()
})

const received = (): Promise<bigint> => receivedBy(db, 'ACC-PAYEE')
const partyNotFound = { statusCode: '3204', message: 'Party not found' }

test('the health of the desk is asked with GET /, and follows the database', async () => {
  expect(await adapter.call('GET', '/')).toMatchObject({ status: 200 })
  const gone = openDb({ url, max: 1 })
  const without = await openBackend(gone)
  await gone.end()
  const answer = await adapterAt(without.port).call('POST', '/transfers', transferBody(randomUUID()))
  expect(answer).toMatchObject({ status: 503, body: { statusCode: '2003' } })
  expect(await adapterAt(without.port).call('GET', '/')).toMatchObject({ status: 503 })
  await without.close()
})

describe('GET /parties', () => {
  test('finds an account by type and identifier, with a name that hubs accept', async () => {
    const answer = await adapter.call('GET', `/parties/MSISDN/${PAYEE}`)
    expect(answer).toMatchObject({ status: 200, type: 'application/json; charset=utf-8' })
    expect(answer.body).toEqual({
      type: 'CONSUMER',
      idType: 'MSISDN',
      idValue: PAYEE,
      displayName: "Caisse des Retraites d'Aneho",
      supportedCurrencies: ['XOF'],
    })
  })

  test.each([
    ['an unknown number', '/parties/MSISDN/22890000000'],
    ['another type', `/parties/ALIAS/${PAYEE}`],
    ['no type', `/parties/NOTHING/${PAYEE}`],
    ['a sub-identifier, which no account has', `/parties/MSISDN/${PAYEE}/x`],
    ['the same number written otherwise', `/parties/MSISDN/+${PAYEE}`],
  ])('%s is nobody: 404 with 3204', async (_title, path) => {
    expect(await adapter.call('GET', path)).toMatchObject({ status: 404, body: partyNotFound })
  })

  test('one party may have an account in each currency; two in one currency are nobody in it', async () => {
    await openPayee(db, 'ACC-TWO-XOF', { identifier: '22891234567' })
    await openPayee(db, 'ACC-TWO-XAF', { identifier: '22891234567', currency: 'XAF' })
    expect((await adapter.call('GET', '/parties/MSISDN/22891234567')).body.supportedCurrencies).toEqual([
      'XOF',
      'XAF',
    ])
    await openPayee(db, 'ACC-TWO-XOF-2', { identifier: '22891234567' })
    expect((await adapter.call('GET', '/parties/MSISDN/22891234567')).body.supportedCurrencies).toEqual([
      'XAF',
    ])
    const xof = await adapter.transfer(randomUUID(), { to: '22891234567' })
    expect(xof).toMatchObject({ status: 404, body: partyNotFound })
    const xaf = await adapter.transfer(randomUUID(), { to: '22891234567', currency: 'XAF' })
    expect(xaf.status).toBe(200)
    expect(await receivedBy(db, 'ACC-TWO-XAF')).toBe(10_000n)
    await openPayee(db, 'ACC-TWO-XAF-2', { identifier: '22891234567', currency: 'XAF' })
    expect((await adapter.call('GET', '/parties/MSISDN/22891234567')).status).toBe(404)
  })

  test('a number that two organisations use is nobody', async () => {
    await openPayee(db, 'ACC-ONE', { identifier: '22892223344' })
    await openPayee(db, 'ACC-OTHER', {
      identifier: '22892223344',
      currency: 'XAF',
      organization: 'Une autre caisse',
    })
    expect((await adapter.call('GET', '/parties/MSISDN/22892223344')).status).toBe(404)
    expect((await adapter.transfer(randomUUID(), { to: '22892223344' })).body).toEqual(partyNotFound)
  })
})

describe('POST /quoterequests', () => {
  test('the payee receives everything, without a fee', async () => {
    const answer = await adapter.call('POST', '/quoterequests', quoteBody())
    expect(answer).toMatchObject({
      status: 200,
      body: { transferAmount: '10000', payeeReceiveAmount: '10000', payeeFspFeeAmount: '0' },
    })
    expect(answer.body.expiration).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  })

  test.each<[string, object, number, string]>([
    ['to nobody', { to: '22890000000' }, 404, '3204'],
    ['in a currency that the account has not', { currency: 'XAF' }, 500, '5106'],
    ['in a currency that is not handled', { currency: 'EUR' }, 500, '5106'],
    ['with decimals, which francs have not', { amount: '100.5' }, 400, '3101'],
    ['of nothing', { amount: '0' }, 400, '3101'],
    ['above what JSON carries', { amount: '9007199254740992' }, 500, '5200'],
  ])('%s is refused, as the transfer is', async (_title, terms, status, statusCode) => {
    const before = await received()
    const quote = await adapter.call('POST', '/quoterequests', quoteBody(terms))
    expect(quote).toMatchObject({ status, body: { statusCode } })
    const transfer = await adapter.transfer(randomUUID(), terms)
    expect(transfer).toMatchObject({ status, body: { statusCode } })
    expect(await received()).toBe(before)
  })
})

describe('POST /transfers', () => {
  test('the same transfer 20 times at once is credited once, and every answer is the same', async () => {
    const before = await received()
    const id = randomUUID()
    const answers = await Promise.all(Array.from({ length: 20 }, () => adapter.transfer(id)))
    expect(new Set(answers.map((answer) => JSON.stringify([answer.status, answer.body]))).size).toBe(1)
    expect(answers[0]).toMatchObject({ status: 200, body: { transferState: 'COMMITTED' } })
    expect(answers[0]?.body.homeTransactionId).toMatch(/^inc-/)
    expect(await received()).toBe(before + 10_000n)
    expect((await historyOf(db, `incoming:${id}`)).map(({ action }) => action)).toEqual(['incoming.credited'])
  })

  test('a known id with another amount, payee or currency is 3106 and moves nothing', async () => {
    await openPayee(db, 'ACC-SECOND', { identifier: '22894445566' })
    const id = randomUUID()
    expect((await adapter.transfer(id)).status).toBe(200)
    const before = await received()
    for (const terms of [{ amount: '10001' }, { to: '22894445566' }, { currency: 'XAF' }])
      expect(await adapter.transfer(id, terms)).toMatchObject({ status: 400, body: { statusCode: '3106' } })
    expect(await received()).toBe(before)
    expect(await receivedBy(db, 'ACC-SECOND')).toBe(0n)
    expect((await adapter.transfer(id, { note: 'Merci' })).status).toBe(200)
  })

  test('different transfers with one id at once: one is credited, the others are refused', async () => {
    const before = await received()
    const id = randomUUID()
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => adapter.transfer(id, { amount: String(100 + i) })),
    )
    const taken = answers.findIndex((answer) => answer.status === 200)
    expect(answers.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([
      200,
      ...Array.from({ length: 9 }, () => 400),
    ])
    expect(await received()).toBe(before + 100n + BigInt(taken))
  })

  test('a refusal is for good: the hub was told, so the same transfer is not credited later', async () => {
    const id = randomUUID()
    const terms = { to: '22896667788' }
    expect((await adapter.transfer(id, terms)).body).toEqual(partyNotFound)
    await openPayee(db, 'ACC-LATER', { identifier: terms.to })
    expect((await adapter.transfer(id, terms)).body).toEqual(partyNotFound)
    expect((await adapter.transfer(randomUUID(), terms)).status).toBe(200)
    expect(await receivedBy(db, 'ACC-LATER')).toBe(10_000n)
    expect((await adapter.call('GET', `/transfers/${id}`)).body).toMatchObject({ transferState: 'ABORTED' })
  })

  test('an account that would hold more than JSON carries is refused with 5200', async () => {
    const near = 9_007_199_254_740_991n - 5_000n
    await openPayee(db, 'ACC-FULL', { identifier: '22897778899', opening_balance: near })
    const id = randomUUID()
    for (let i = 0; i < 2; i++)
      expect((await adapter.transfer(id, { to: '22897778899' })).body).toMatchObject({ statusCode: '5200' })
    expect(await receivedBy(db, 'ACC-FULL')).toBe(0n)
  })

  test('GET /transfers shows what came in; an unknown id is 3208', async () => {
    const id = randomUUID()
    const { body } = await adapter.transfer(id, { note: 'Loyer' })
    expect(await adapter.call('GET', `/transfers/${id}`)).toMatchObject({
      status: 200,
      body: {
        homeTransactionId: body.homeTransactionId,
        amount: '10000',
        currency: 'XOF',
        transferState: 'COMMITTED',
        note: 'Loyer',
      },
    })
    for (const unknown of [randomUUID(), '%C3%A9', 'x'.repeat(100)])
      expect(await adapter.call('GET', `/transfers/${unknown}`)).toMatchObject({
        status: 404,
        body: { statusCode: '3208' },
      })
  })
})

describe('a desk that waits for the hub’s word', () => {
  test('reserves without moving money, and credits once when the hub has committed', async () => {
    const before = await received()
    const id = randomUUID()
    const first = await reserving.transfer(id)
    expect(first).toMatchObject({ status: 200, body: { transferState: 'RESERVED' } })
    expect(await reserving.transfer(id)).toEqual(first)
    expect(await received()).toBe(before)
    const told = await Promise.all(Array.from({ length: 10 }, () => reserving.notify(id, 'COMMITTED')))
    for (const answer of told)
      expect(answer).toMatchObject({ status: 200, body: { transferId: id, status: 'COMMITTED' } })
    expect(await received()).toBe(before + 10_000n)
    expect((await historyOf(db, `incoming:${id}`)).map(({ action }) => action)).toEqual([
      'incoming.reserved',
      'incoming.credited',
    ])
  })

  test('other news than COMMITTED and ABORTED changes nothing', async () => {
    const id = randomUUID()
    await reserving.transfer(id)
    for (const state of ['RESERVED', 'RECEIVED', 'whatever'])
      expect((await reserving.notify(id, state)).body).toEqual({ transferId: id, status: 'RESERVED' })
    const bare = await reserving.call('PUT', `/transfers/${id}`, { transferState: 'COMMITTED' })
    expect(bare.body).toEqual({ transferId: id, status: 'RESERVED' })
  })

  test('lets go what the hub has aborted; the same transfer again is 3303', async () => {
    const before = await received()
    const id = randomUUID()
    await reserving.transfer(id)
    for (let i = 0; i < 2; i++)
      expect((await reserving.notify(id, 'ABORTED')).body).toEqual({ transferId: id, status: 'ABORTED' })
    expect(await reserving.transfer(id)).toMatchObject({ status: 400, body: { statusCode: '3303' } })
    expect(await received()).toBe(before)
  })

  test('a last word against what is final moves nothing, and people are told once', async () => {
    for (const [first, second] of [
      ['COMMITTED', 'ABORTED'],
      ['ABORTED', 'COMMITTED'],
    ] as const) {
      const id = randomUUID()
      await reserving.transfer(id)
      await reserving.notify(id, first)
      const before = await received()
      for (let i = 0; i < 3; i++)
        expect(await reserving.notify(id, second)).toMatchObject({
          status: 400,
          body: { statusCode: '3106' },
        })
      expect(await received()).toBe(before)
      const acts = (await historyOf(db, `incoming:${id}`)).map(({ action }) => action)
      expect(acts.filter((action) => action === 'incoming.contradicted')).toHaveLength(1)
    }
  })

  test('what is reserved by one desk is known to another one, whatever its moment', async () => {
    const id = randomUUID()
    await reserving.transfer(id)
    expect((await adapter.transfer(id)).body).toMatchObject({ transferState: 'RESERVED' })
  })
})

describe('the listener', () => {
  test.each<[string, string, string, unknown, Record<string, string>, number, string]>([
    ['a path that is none', 'GET', '/otp/1', undefined, {}, 404, '3002'],
    ['a method that is none', 'DELETE', '/transfers/1', undefined, {}, 404, '3002'],
    ['a body that is no object', 'POST', '/transfers', 'x', {}, 400, '3101'],
    ['a NUL in a string', 'POST', '/transfers', { a: '\u0000' }, {}, 400, '3101'],
    ['a NUL in the path', 'GET', '/transfers/%00', undefined, {}, 400, '3101'],
    ['a path that is not UTF-8', 'GET', '/transfers/%ff', undefined, {}, 400, '3101'],
    ['a body above 1 MB', 'POST', '/transfers', 'x'.repeat(1_048_577), {}, 413, '3104'],
    ['another type than JSON', 'POST', '/transfers', {}, { 'content-type': 'text/plain' }, 415, '3101'],
    ['a web page', 'POST', '/transfers', {}, { origin: 'http://127.0.0.1' }, 403, '3000'],
    ['a proxy', 'GET', '/', undefined, { 'x-forwarded-for': '10.0.0.1' }, 403, '3000'],
  ])('%s is refused in the adapter’s words', async (_t, method, path, body, headers, status, statusCode) => {
    const answer = await adapter.call(method, path, body, headers)
    expect(answer).toMatchObject({ status, type: 'application/json; charset=utf-8' })
    expect(answer.body).toEqual({ statusCode, message: expect.stringMatching(/\w/) })
  })

  test('a name that a web page could rebind is refused', async () => {
    const status = await new Promise((resolve, reject) => {
      const { port } = listener
      request({ port, host: '127.0.0.1', path: '/', headers: { host: 'evil.example' } }, (answer) => {
        answer.resume()
        resolve(answer.statusCode)
      })
        .on('error', reject)
        .end()
    })
    expect(status).toBe(403)
  })

  test('a taken port is an error that names it', async () => {
    const { openBackendListener } = await import('./index.ts')
    const { readConfig } = await import('../platform/config.ts')
    const { openLog } = await import('../platform/log.ts')
    const ctx = { db, log: openLog('silent'), config: readConfig({}) }
    const options = { port: listener.port, credit: 'AT_TRANSFER', wake: () => undefined } as const
    await expect(openBackendListener(ctx, options)).rejects.toThrow(
      `port ${listener.port} is taken: stop what uses it, or set BACKEND_PORT to another one`,
    )
  })

  test('a transfer in flight when the listener closes still gets its answer', async () => {
    const closing = await openBackend(db)
    await openPayee(db, 'ACC-SLOW', { identifier: '22895556677' })
    const lock = sql`select from payments_accounts where account_id = 'ACC-SLOW' for update`
    const held = await holdLock(url, lock)
    const answer = adapterAt(closing.port).transfer(randomUUID(), { to: '22895556677' })
    await held.awaited()
    const closed = closing.close()
    await held.release()
    expect(await answer).toMatchObject({ status: 200, body: { transferState: 'COMMITTED' } })
    await closed
    await expect(adapterAt(closing.port).call('GET', '/')).rejects.toThrow('fetch failed')
  })
})

describe('the schema itself refuses', () => {
  test.each([
    `update payments_incoming set amount = amount + 1`,
    `update payments_incoming set state = 'ABORTED', aborted_at = now(), committed_at = null where state = 'COMMITTED'`,
    `delete from payments_incoming`,
    `truncate payments_incoming`,
  ])('%s', async (statement) => {
    const owner = openDb({ url, max: 1 })
    await adapter.transfer(randomUUID())
    for (const who of [db, owner])
      await expect(who.run({ text: statement, values: [] })).rejects.toThrow(
        /permission denied|do not change|concluded once|never deleted|append-only/,
      )
    await owner.end()
  })
})
