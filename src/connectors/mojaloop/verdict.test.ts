import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { orderFor, postedTransfers } from '../../../test/captures/mojaloop/replay.ts'
import { readTransfer } from './verdict.ts'
import type { Ask, Verdict } from './verdict.ts'
import { readParty, readQuote, readSimpleTransfer } from './steps.ts'

const ID = 'b57896f0-070b-4717-8091-fdf5a9660b96'
const order = orderFor('22890000123', ID)
const paid = JSON.parse(String(postedTransfers()[0]?.body)) as Record<string, unknown>
const state = {
  transferId: ID,
  homeTransactionId: order.home_reference,
  to: { idType: 'MSISDN', idValue: '22890000123' },
  currency: 'XOF',
  amount: '10000',
}
const money = (amount: string, currency = 'XOF') => ({ currency, amount })
const quoteResponse = { body: { transferAmount: money('10000'), payeeReceiveAmount: money('10000') } }
const prepare = { body: { transferId: ID, amount: money('10000') } }
const committed = { body: { transferState: 'COMMITTED' } }

const read = (
  status: number,
  body: unknown,
  phase: Ask['phase'] = 'pay',
  transfer_id: string | undefined = ID,
) =>
  readTransfer(
    { kind: 'answer', status, body: Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)) },
    order,
    { phase, transfer_id },
  )
const failed = (code: string, more: object = {}, message = 'Got an error response') => ({
  message,
  transferState: {
    ...state,
    ...more,
    currentState: 'ERROR_OCCURRED',
    lastError: {
      httpStatusCode: 500,
      mojaloopError: { errorInformation: { errorCode: code, errorDescription: 'd' } },
    },
  },
  statusCode: code,
})
const brief = (verdict: Verdict): string =>
  verdict.kind === 'refused' ? `${verdict.reason}${verdict.retryable ? ' again' : ''}` : verdict.kind

describe('what is about us stops the connection', () => {
  test.each([401, 403])('HTTP %i, whatever its body', (status) => {
    expect(read(status, Buffer.from('<html>')).kind).toBe('stop')
    expect(read(status, { message: 'no' }, 'find').kind).toBe('stop')
  })
  test.each(['4001', '4102', '4103', '3202', '3105', '4300', '4400'])(
    'code %s, before or after the prepare',
    (code) => {
      expect(read(500, failed(code)).kind).toBe('stop')
      expect(read(500, failed(code, { quoteResponse, prepare })).kind).toBe('stop')
    },
  )
  test('an adapter that no longer takes our transferId, or an unknown path', () => {
    expect(
      read(400, { message: '[ { message: "must NOT have additional properties" } ]', statusCode: 400 }),
    ).toMatchObject({
      kind: 'stop',
      because: 'the adapter does not take our transferId',
    })
    expect(read(400, { message: "Couldn't match path /transfers", statusCode: 400 }).kind).toBe('stop')
  })
})

describe('a refusal is read only from the rail’s own shape', () => {
  test('its validation error is one, with exactly its two keys', () => {
    const own = { message: '/requestBody/amount must match pattern', statusCode: 400 }
    expect(brief(read(400, own))).toBe('INVALID_ORDER')
    expect(read(400, own, 'confirm').kind).toBe('unknown')
    expect(read(400, own, 'find').kind).toBe('unknown')
    expect(read(400, { ...own, error: 'Bad Request' }).kind).toBe('unknown')
    expect(read(502, { ...own, statusCode: 502 }).kind).toBe('unknown')
    expect(read(404, { message: 'Not Found', statusCode: 404 }).kind).toBe('unknown')
  })
  test.each([204, 409, 429])('HTTP %i never settles anything', (status) => {
    expect(read(status, failed('3204')).kind).toBe('unknown')
    expect(read(status, { ...state, currentState: 'COMPLETED', fulfil: committed }).kind).toBe('unknown')
  })
  test('another transfer’s answer settles nothing', () => {
    const other = { ...state, transferId: 'dd39c821-64f8-4684-82df-07d829f5f347', homeTransactionId: 'x' }
    expect(read(200, { ...other, currentState: 'COMPLETED', fulfil: committed }).kind).toBe('unknown')
    expect(
      read(200, { ...other, currentState: 'COMPLETED', fulfil: { body: { transferState: 'ABORTED' } } }).kind,
    ).toBe('unknown')
    const stray = failed('3204')
    expect(read(500, { ...stray, transferState: { ...stray.transferState, ...other } }).kind).toBe('unknown')
  })
  test('our order under an id of the adapter’s own making is for people to look at', () => {
    const own_id = { ...state, transferId: '01M811G177725104KSERFAWCAF', currentState: 'COMPLETED' }
    expect(read(200, { ...own_id, fulfil: committed }).kind).toBe('mismatch')
    expect(read(200, own_id).kind).toBe('unknown')
  })
  test.each([
    ['3204', 'PAYEE_NOT_FOUND'],
    ['3203', 'PAYEE_NOT_FOUND'],
    ['5101', 'QUOTE_REFUSED'],
    ['5104', 'PAYEE_REJECTED'],
    ['5106', 'PAYEE_REJECTED'],
    ['5200', 'PAYEE_LIMIT'],
    ['5300', 'PAYEE_BLOCKED'],
    ['5400', 'PAYEE_BLOCKED'],
    ['5001', 'PAYEE_UNAVAILABLE again'],
    ['3101', 'INVALID_ORDER'],
    ['3303', 'EXPIRED again'],
  ])('code %s is %s, before and after the prepare', (code, expected) => {
    expect(brief(read(500, failed(code)))).toBe(expected)
    expect(brief(read(500, failed(code, { quoteResponse, prepare })))).toBe(expected)
  })
  test.each(['1000', '1001', '2001', '2003', '2004', '2005'])(
    'code %s may pass before the quote, and tells nothing after it',
    (code) => {
      expect(brief(read(500, failed(code)))).toMatch(/ again$/)
      // The adapter notes its prepare only after the hub's 202: a quote without a prepare proves nothing.
      expect(read(500, failed(code, { quoteResponse }))).toMatchObject({ kind: 'unknown', prepared: true })
      expect(read(500, failed(code, { quoteResponse, prepare }))).toMatchObject({
        kind: 'unknown',
        prepared: true,
      })
    },
  )
  test.each(['3106', '3208'])('code %s to an order tells nothing', (code) => {
    expect(read(500, failed(code)).kind).toBe('unknown')
  })
  test('v18 keeps its last error as a text', () => {
    const body = failed('3204')
    const { lastError } = body.transferState
    const v18 = {
      ...body,
      statusCode: '500',
      transferState: { ...body.transferState, lastError: JSON.stringify(lastError) },
    }
    expect(brief(read(500, v18))).toBe('PAYEE_NOT_FOUND')
  })
  test('ABORTED is final in every place', () => {
    expect(brief(read(200, { ...state, currentState: 'ABORTED', abortedReason: 'Quote rejected' }))).toBe(
      'QUOTE_REFUSED',
    )
    const aborted = { ...state, quoteResponse, prepare, fulfil: { body: { transferState: 'ABORTED' } } }
    expect(brief(read(200, { ...aborted, currentState: 'COMPLETED' }))).toBe('PAYEE_REJECTED')
    expect(brief(read(200, { ...aborted, currentState: 'COMPLETED' }, 'find'))).toBe('PAYEE_REJECTED')
  })
})

describe('paid', () => {
  const good = { ...state, quoteResponse, prepare, fulfil: committed, currentState: 'COMPLETED' }
  test.each<[string, object]>([
    ['less prepared than ordered', { prepare: { body: { amount: money('9999') } } }],
    ['another amount for the payee', { quoteResponse: { body: { payeeReceiveAmount: money('9950') } } }],
    ['another currency', { prepare: { body: { amount: money('10000', 'XAF') } } }],
    ['another payee', { to: { idType: 'MSISDN', idValue: '22890000124' } }],
    ['another order', { amount: '99' }],
    ['an amount with centimes', { prepare: { body: { amount: money('10000.5') } } }],
  ])('%s is a mismatch', (_title, change) => {
    expect(read(200, good)).toMatchObject({ kind: 'paid', fee: 0n })
    expect(read(200, { ...good, ...change }).kind).toBe('mismatch')
  })
  test.each(['RESERVED', 'RECEIVED', 'PROCESSING'])(
    'not while the hub says %s, whatever else is said',
    (word) => {
      const open = { ...good, fulfil: { body: { transferState: word } } }
      for (const phase of ['pay', 'confirm', 'find'] as const)
        expect(read(200, open, phase)).toMatchObject({ kind: 'unknown', prepared: true })
    },
  )
  test('not with a fulfilment that does not open the condition: nobody else than the payee’s side can make one', () => {
    const its_order = orderFor('22890000010', String(paid['transferId']))
    const verdictOf = (body: object): Verdict =>
      readTransfer({ kind: 'answer', status: 200, body: Buffer.from(JSON.stringify(body)) }, its_order, {
        phase: 'pay',
        transfer_id: its_order.reference,
      })
    expect(verdictOf(paid)).toMatchObject({ kind: 'paid' })
    const fulfil = paid['fulfil'] as { body: object }
    const fulfilment = Buffer.alloc(32, 7).toString('base64url')
    expect(verdictOf({ ...paid, fulfil: { ...fulfil, body: { ...fulfil.body, fulfilment } } })).toMatchObject(
      {
        kind: 'unknown',
        prepared: true,
      },
    )
  })
  test('inside an error only with the proof', () => {
    expect(read(500, { message: 'm', transferState: good, statusCode: '500' })).toMatchObject({
      kind: 'unknown',
    })
    const proven = { message: 'm', transferState: paid, statusCode: '500' }
    const its_order = orderFor('22890000010', String(paid['transferId']))
    const http = { kind: 'answer' as const, status: 500, body: Buffer.from(JSON.stringify(proven)) }
    expect(readTransfer(http, its_order, { phase: 'pay', transfer_id: its_order.reference }).kind).toBe(
      'paid',
    )
  })
})

describe('a query', () => {
  const find = (body: object, status = 200) => read(status, body, 'find')
  test('believes the hub’s word only, not currentState nor an old error', () => {
    expect(find({ ...state, currentState: 'COMPLETED' }).kind).toBe('unknown')
    expect(find({ ...state, currentState: 'ABORTED' }).kind).toBe('unknown')
    expect(
      find({ ...state, currentState: 'COMPLETED', fulfil: committed, lastError: failed('5104') }).kind,
    ).toBe('paid')
    expect(find(failed('5104'), 500).kind).toBe('unknown')
    expect(find(failed('3204'), 500).kind).toBe('unknown')
  })
  test('3208 is not found and never a refusal', () => {
    expect(find(failed('3208', {}, 'Got an error response retrieving transfer: {3208}'), 500).kind).toBe(
      'not-found',
    )
    expect(find({ message: 'no transfer', statusCode: '3208' }, 500).kind).toBe('not-found')
  })
  test('a refusal of the payee’s side counts from the query’s own answer, another error does not', () => {
    const fresh = (code: string) =>
      brief(find(failed(code, {}, `Got an error response retrieving transfer: {"errorCode":"${code}"}`), 500))
    expect(fresh('5104')).toBe('PAYEE_REJECTED')
    expect(['2001', '3100', '3201', '4001', '3106'].map(fresh)).toEqual(Array(5).fill('unknown'))
    expect(find(failed('5104', {}, 'Timeout getting transfer'), 504).kind).toBe('unknown')
    expect(find(failed('5104', {}, 'Got an error response preparing transfer: 5104'), 500).kind).toBe(
      'unknown',
    )
  })
  test('3303 counts from the query’s own answer only', () => {
    expect(brief(find(failed('3303', {}, 'Got an error response retrieving transfer: {3303}'), 500))).toBe(
      'EXPIRED again',
    )
    expect(find(failed('3303', {}, 'Timeout getting transfer'), 504).kind).toBe('unknown')
  })
})

test('what the rail said is kept short and without numbers of people', () => {
  const verdict = read(500, failed('3204', {}, 'x'))
  expect(verdict.said).toEqual({
    http_status: 500,
    rail_code: '3204',
    message: 'd',
    rail_state: 'ERROR_OCCURRED',
  })
  const long = read(400, { message: `Expecting 22890123456 ${'x'.repeat(900)}`, statusCode: 400 })
  expect(long.said.message).toContain('2289••••3456')
  expect(long.said.message?.length).toBeLessThanOrEqual(200)
})

describe('hostile bodies', () => {
  const seed = Number(process.env['FC_SEED'] ?? 20261122)
  const statuses = fc.constantFrom(200, 201, 202, 204, 400, 404, 409, 429, 500, 502, 503, 504)
  const phases = fc.constantFrom('pay' as const, 'confirm' as const, 'find' as const)
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
    fc.json({ maxDepth: 6 }).map((json) => Buffer.from(json)),
  )
  const quote = { kind: 'quote' as const, cost: 10_000n, fee: 0n, ilp_packet: 'p', condition: 'c' }

  test(`arbitrary bytes and JSON never throw and never settle anything (seed ${seed})`, () => {
    fc.assert(
      fc.property(statuses, phases, bytes, (status, phase, body) => {
        const http = { kind: 'answer' as const, status, body }
        expect(readTransfer(http, order, { phase, transfer_id: ID }).kind).toBe('unknown')
        expect(readTransfer(http, order, { phase, transfer_id: undefined }).kind).toBe('unknown')
        expect(readSimpleTransfer(http, order, quote).kind).toBe('unknown')
        expect(readQuote(http, order).kind).not.toBe('quote')
        expect(readParty(http, order).kind).not.toBe('party')
      }),
      { seed, numRuns: 2000 },
    )
  })

  test(`the rail’s own keys with arbitrary values never throw, and settle only what names our transfer (seed ${seed})`, () => {
    const keys = [
      'transferState',
      'transferId',
      'currentState',
      'fulfil',
      'prepare',
      'quoteResponse',
      'lastError',
      'body',
    ]
    const words = fc.constantFrom(
      ID,
      'COMPLETED',
      'ERROR_OCCURRED',
      'ABORTED',
      'COMMITTED',
      '3204',
      '10000',
      'XOF',
      '{"a":1}',
    )
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ maxDepth: 4 }, words, fc.jsonValue({ maxDepth: 1 }), tie('node')),
      node: fc.dictionary(
        fc.constantFrom(
          ...keys,
          'amount',
          'errorInformation',
          'errorCode',
          'statusCode',
          'message',
          'toString',
        ),
        tie('tree'),
        { maxKeys: 8 },
      ),
    }))
    fc.assert(
      fc.property(statuses, phases, tree, (status, phase, body) => {
        const json = JSON.stringify(body)
        const { kind } = read(status, Buffer.from(json), phase)
        const named = json.includes(ID)
        const own_400 = kind === 'refused' && status === 400
        expect(kind !== 'paid' || (named && json.includes('COMMITTED'))).toBe(true)
        expect(kind !== 'refused' || named || own_400).toBe(true)
      }),
      { seed, numRuns: 5000 },
    )
  })

  test('a body nested a hundred thousand times, and a prototype’s names, are only unknown', () => {
    expect(read(200, Buffer.from('['.repeat(100_000))).kind).toBe('unknown')
    expect(read(200, Buffer.from('{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000))).kind).toBe('unknown')
    expect(
      read(500, Buffer.from('{"__proto__":{"transferId":"x"},"transferState":{"currentState":1}}')).kind,
    ).toBe('unknown')
  })
})
