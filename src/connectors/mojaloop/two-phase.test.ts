import { afterEach, describe, expect, test } from 'vitest'
import {
  after,
  answer,
  closeAll,
  done,
  open,
  order,
  quoteOf,
  serve,
  strict,
} from '../../../test/captures/mojaloop/scripted.ts'
import type { Reply, Script } from '../../../test/captures/mojaloop/scripted.ts'

afterEach(closeAll)

describe('two phases', () => {
  const MADE = '01M811G177725104KSERFAWCAF'
  const waiting = (cost: string) => ({
    currentState: 'WAITING_FOR_QUOTE_ACCEPTANCE',
    quoteResponse: quoteOf(cost),
  })
  const twoPhase = async (script: Script) => {
    const server = await serve(after(strict, script))
    const rail = open(server.url, { mode: 'two-phase' })
    await rail.probe()
    server.calls.splice(0)
    return { ...server, rail }
  }

  test('the adapter’s id comes with the quote, and the acceptance moves the money', async () => {
    const { rail, calls } = await twoPhase((call) =>
      answer(call, call.method === 'POST' ? waiting('10050') : done('10050')),
    )
    const mine = order({ fee_cap: 50n })
    expect(await rail.pay(mine)).toEqual({
      kind: 'quoted',
      rail_reference: MADE,
      fee: 50n,
      expires_at: new Date('2026-11-22T07:11:58.284Z'),
      said: { http_status: 200, rail_state: 'WAITING_FOR_QUOTE_ACCEPTANCE' },
    })
    expect(calls[0]?.body).not.toHaveProperty('transferId')
    expect(await rail.confirm(mine, MADE)).toMatchObject({ kind: 'paid', fee: 50n, reference: MADE })
    expect(calls[1]).toEqual({ method: 'PUT', path: `/transfers/${MADE}`, body: { acceptQuote: true } })
  })

  test('a fee above the cap is declined before anything is committed', async () => {
    const { rail, calls } = await twoPhase((call) =>
      answer(call, call.method === 'POST' ? waiting('10050') : { currentState: 'ABORTED' }),
    )
    expect(await rail.pay(order())).toMatchObject({ kind: 'refused', reason: 'FEE_ABOVE_CAP' })
    expect(calls[1]?.body).toEqual({ acceptQuote: false })
  })

  test.each<[string, Reply, object]>([
    ['204: the transfer was killed', { status: 204 }, { kind: 'unknown' }],
    [
      'no cached data',
      { status: 500, body: { message: 'No cached data found for transferId', statusCode: '500' } },
      { kind: 'unknown' },
    ],
    ['a reset', 'reset', { kind: 'unknown' }],
    [
      'another transfer',
      { status: 200, body: { transferId: 'x', currentState: 'COMPLETED' } },
      { kind: 'unknown' },
    ],
    ['401', { status: 401 }, { kind: 'stop' }],
  ])('to the acceptance, %s', async (_title, reply, expected) => {
    const { rail } = await twoPhase(() => reply)
    expect(await rail.confirm(order(), MADE)).toMatchObject(expected)
  })

  test('an adapter that pays at once is found out with one order; the others wait for it and stop', async () => {
    const { rail, calls } = await twoPhase((call) => answer(call, done('10000')))
    const answers = await Promise.all([rail.pay(order()), rail.pay(order()), rail.pay(order())])
    expect(answers.map(({ kind }) => kind)).toEqual(['paid', 'stop', 'stop'])
    expect(await rail.pay(order())).toMatchObject({ kind: 'stop' })
    expect(calls).toHaveLength(1)
    // Put right, and probed again, it is tried with one order again.
    await rail.probe()
    expect(await rail.pay(order())).toMatchObject({ kind: 'paid' })
  })

  test('once an order came back quoted, orders go side by side', async () => {
    const { rail } = await twoPhase((call, nth) =>
      nth === 0 ? { status: 502, body: '<html>' } : answer(call, waiting('10000')),
    )
    const answers = await Promise.all(Array.from({ length: 6 }, () => rail.pay(order())))
    expect(answers.map(({ kind }) => kind).sort()).toEqual([...Array<string>(5).fill('quoted'), 'unknown'])
  })
})
