import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import {
  after,
  answer,
  closeAll,
  closers,
  done,
  fulfilment,
  lenient,
  money,
  open,
  order,
  quoteOf,
  serve,
  stateOf,
  steps,
  strict,
} from '../../../test/captures/mojaloop/scripted.ts'
import type { Reply, Script } from '../../../test/captures/mojaloop/scripted.ts'
import type { MojaloopOptions } from './rail.ts'

afterEach(closeAll)

describe('probe', () => {
  test.each<[string, Reply, MojaloopOptions['mode'], string]>([
    ['takes our transferId', lenient, 'auto', 'one-call'],
    ['takes our transferId, two-phase configured', lenient, 'two-phase', 'one-call'],
    ['is strict', strict, 'auto', 'stepwise'],
    ['is strict, two-phase configured', strict, 'two-phase', 'two-phase'],
    ['takes our transferId, stepwise configured', lenient, 'stepwise', 'stepwise'],
  ])('an adapter that %s', async (_title, probe, mode, expected) => {
    const { url, calls } = await serve(() => probe)
    const habits = await open(url, { mode }).probe()
    expect(habits).toEqual({
      mode: expected,
      deduplicates: expected !== 'two-phase',
      makes_reference: expected === 'two-phase',
    })
    expect(calls).toHaveLength(1)
    expect(calls[0]?.body).toMatchObject({ amount: 'probe', transferId: expect.any(String) as string })
  })
  test.each<[string, Reply]>([
    ['answers 200', { status: 200, body: {} }],
    [
      'knows no such path',
      { status: 400, body: { message: "Couldn't match path /transfers", statusCode: 400 } },
    ],
    ['answers HTML', { status: 502, body: '<html>' }],
    ['hangs', 'hang'],
    ['resets', 'reset'],
  ])('throws when what listens %s', async (_title, reply) => {
    const { url } = await serve(() => reply)
    await expect(open(url, { timeout_ms: 200 }).probe()).rejects.toThrow(/^mojaloop: /)
  })
  test('a payment before the probe is a bug', async () => {
    const { url } = await serve(() => lenient)
    await expect(open(url).pay(order())).rejects.toThrow('pay before probe')
  })
  test('an adapter that serves several institutions has our id in its path', async () => {
    const { url, calls } = await serve(() => lenient)
    await open(`${url}/payerfsp/`).probe()
    expect(calls[0]?.path).toBe('/payerfsp/transfers')
  })
})

describe('one call', () => {
  const oneCall = async (script: Script, more: Partial<MojaloopOptions> = {}) => {
    const server = await serve(after(lenient, script))
    const rail = open(server.url, more)
    await rail.probe()
    server.calls.splice(0)
    return { ...server, rail }
  }

  test('one phase: paid under our own id, also with a fee above the cap', async () => {
    const { rail, calls } = await oneCall((call) => answer(call, done('10050')))
    const mine = order()
    expect(await rail.pay(mine)).toMatchObject({
      kind: 'paid',
      amount: 10_000n,
      fee: 50n,
      reference: mine.reference,
      fulfilment,
    })
    expect(calls.map(({ method, path }) => `${method} ${path}`)).toEqual(['POST /transfers'])
    expect(calls[0]?.body).toMatchObject({
      transferId: mine.reference,
      homeTransactionId: mine.home_reference,
      amount: '10000',
    })
  })

  test('halts for the party and for the quote are answered', async () => {
    const { rail, calls } = await oneCall((call) => {
      if (call.method === 'POST') return answer(call, { currentState: 'WAITING_FOR_PARTY_ACCEPTANCE' })
      if (call.body['acceptParty'] === true)
        return answer(call, { currentState: 'WAITING_FOR_QUOTE_ACCEPTANCE', quoteResponse: quoteOf('10020') })
      return answer(call, done('10020'))
    })
    expect(await rail.pay(order({ fee_cap: 20n }))).toMatchObject({ kind: 'paid', fee: 20n })
    expect(calls.map(({ body }) => Object.keys(body).filter((key) => key.startsWith('accept')))).toEqual([
      [],
      ['acceptParty'],
      ['acceptQuote'],
    ])
  })

  test.each<[string, object, object, string]>([
    ['a fee above the cap', { quoteResponse: quoteOf('10021') }, { acceptQuote: false }, 'FEE_ABOVE_CAP'],
    [
      'a quote that gives less',
      { quoteResponse: { body: { ...quoteOf('10000').body, payeeReceiveAmount: money('9980') } } },
      { acceptQuote: false },
      'QUOTE_REFUSED',
    ],
    [
      'a quote in another currency',
      { quoteResponse: { body: { transferAmount: money('10000', 'XAF') } } },
      { acceptQuote: false },
      'QUOTE_REFUSED',
    ],
    ['a quote without amount', { quoteResponse: { body: {} } }, { acceptQuote: false }, 'QUOTE_REFUSED'],
    [
      'a currency conversion',
      { currentState: 'WAITING_FOR_CONVERSION_ACCEPTANCE' },
      { acceptConversion: false },
      'QUOTE_REFUSED',
    ],
  ])('%s is declined, whether the adapter hears it or not', async (_title, state, word, reason) => {
    for (const heard of [true, false]) {
      const { rail, calls } = await oneCall((call) => {
        if (call.method === 'POST')
          return answer(call, { currentState: 'WAITING_FOR_QUOTE_ACCEPTANCE', ...state })
        return heard
          ? answer(call, { currentState: 'ABORTED', abortedReason: 'Quote rejected by backend' })
          : 'reset'
      })
      expect(await rail.pay(order({ fee_cap: 20n }))).toMatchObject({
        kind: 'refused',
        reason,
        retryable: false,
      })
      expect(calls.map(({ body }) => body).slice(1)).toEqual([word])
    }
  })

  test('an adapter that halts again and again is left alone', async () => {
    const { rail, calls } = await oneCall((call) =>
      answer(call, { currentState: 'WAITING_FOR_PARTY_ACCEPTANCE' }),
    )
    expect(await rail.pay(order())).toMatchObject({ kind: 'unknown' })
    expect(calls).toHaveLength(4)
  })

  test.each<[string, Reply]>([
    ['resets', 'reset'],
    ['hangs', 'hang'],
    ['drips for ever', 'drip'],
    ['answers 204', { status: 204 }],
    ['answers HTML', { status: 503, body: '<html>Service Unavailable</html>' }],
    ['answers more than can be read', { status: 200, body: 'x'.repeat(2_000_000) }],
    ['answers as a gateway does', { status: 504, body: { message: 'Timeout', statusCode: '504' } }],
  ])('when it %s, the outcome is not known, at the order and at its acceptance', async (_title, reply) => {
    const { rail } = await oneCall((call, nth) => {
      if (nth === 0) return reply
      if (call.method === 'POST')
        return answer(call, { currentState: 'WAITING_FOR_QUOTE_ACCEPTANCE', quoteResponse: quoteOf('10000') })
      return reply
    })
    expect(await rail.pay(order())).toMatchObject({ kind: 'unknown' })
    expect(await rail.pay(order())).toMatchObject({ kind: 'unknown' })
  })

  test('an order is written once, also when the server closes a connection that it kept', async () => {
    const { rail, calls } = await oneCall((call, nth) =>
      nth % 3 === 2 ? 'reset' : answer(call, done('10000')),
    )
    const orders = Array.from({ length: 12 }, () => order())
    const kinds: string[] = []
    for (const one of orders) kinds.push((await rail.pay(one)).kind)
    expect(kinds.filter((kind) => kind === 'unknown')).toHaveLength(4)
    const ids = calls.map(({ body }) => body['transferId'])
    expect(new Set(ids).size).toBe(12)
    expect(ids).toHaveLength(12)
  })

  test('when nobody listens, the order surely did not leave', async () => {
    const { rail } = await oneCall((call) => answer(call, done('10000')))
    await closers.shift()?.()
    expect(await rail.pay(order())).toMatchObject({ kind: 'unsent', said: {} })
    expect(await rail.find(order(), randomUUID())).toMatchObject({ kind: 'unsent' })
  })

  test('an order of which it is said that it was not sent was never seen by the adapter', async () => {
    const { rail, calls } = await oneCall(() => 'hang', { connections: 1, timeout_ms: 300 })
    const orders = Array.from({ length: 8 }, () => order())
    const answers = await Promise.all(orders.map((one) => rail.pay(one)))
    const unsent = orders.filter((_, i) => answers[i]?.kind === 'unsent').map(({ reference }) => reference)
    expect(unsent.length).toBeGreaterThan(0)
    expect(answers[0]).toMatchObject({ kind: 'unknown' })
    for (const { body } of calls) expect(unsent).not.toContain(body['transferId'])
  })

  test('an adapter that turned strict is paid through stepwise, under the same reference', async () => {
    const mine = order()
    const { rail, calls } = await oneCall((call, nth) => (nth === 0 ? strict : steps(call)))
    expect(await rail.pay(mine)).toMatchObject({ kind: 'paid', reference: mine.reference })
    expect(await rail.pay(order())).toMatchObject({ kind: 'paid' })
    expect(calls.map(({ path }) => path.split('/')[1])).toEqual([
      'transfers',
      'parties',
      'quotes',
      'simpleTransfers',
      'parties',
      'quotes',
      'simpleTransfers',
    ])
  })

  test('an adapter that makes its own id is given nothing more', async () => {
    const { rail, calls } = await oneCall((call) => ({
      status: 200,
      body: stateOf(call, '01M811G177725104KSERFAWCAF', done('10000')),
    }))
    expect(await rail.pay(order())).toMatchObject({ kind: 'mismatch' })
    expect(await rail.pay(order())).toMatchObject({ kind: 'stop' })
    expect(calls).toHaveLength(1)
  })

  test('a query asks for the reference and gives the hub’s word', async () => {
    const known = randomUUID()
    const { rail, calls } = await oneCall((call) =>
      call.path.endsWith(known)
        ? answer(call, { currentState: 'COMPLETED', fulfil: { body: { transferState: 'COMMITTED' } } })
        : { status: 500, body: { message: 'Got an error response retrieving transfer', statusCode: '3208' } },
    )
    expect(await rail.find(order(), known)).toMatchObject({
      kind: 'paid',
      fee: 0n,
      fee_unknown: true,
      reference: known,
    })
    expect(await rail.find(order(), randomUUID())).toMatchObject({ kind: 'not-found' })
    expect(calls.map(({ method }) => method)).toEqual(['GET', 'GET'])
  })
})
