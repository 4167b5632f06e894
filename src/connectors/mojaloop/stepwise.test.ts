import { afterEach, describe, expect, test } from 'vitest'
import {
  after,
  closeAll,
  condition,
  fulfilment,
  money,
  MSISDN,
  open,
  order,
  quoteOf,
  serve,
  steps,
  strict,
} from '../../../test/captures/mojaloop/scripted.ts'
import type { Call, Reply } from '../../../test/captures/mojaloop/scripted.ts'
import type { MojaloopOptions } from './rail.ts'

afterEach(closeAll)

describe('stepwise', () => {
  const stepwise = async (change: Parameters<typeof steps>[1] = {}, more: Partial<MojaloopOptions> = {}) => {
    // Our own account is looked up to tell a silent payee from an adapter that resolves nobody.
    const isOwn = (path: string): boolean => path === '/parties/MSISDN/123456789'
    const script = (call: Call): Reply => steps(call, isOwn(call.path) ? {} : change)
    const server = await serve(after(strict, script))
    const rail = open(server.url, more)
    await rail.probe()
    server.calls.splice(0)
    return { ...server, rail }
  }

  test('look-up, quote and transfer carry our own ids; a resend makes the same quote request', async () => {
    const { rail, calls } = await stepwise()
    const mine = order({ payee: { type: 'MSISDN', identifier: `+${MSISDN}` } })
    expect(await rail.pay(mine)).toMatchObject({
      kind: 'paid',
      fee: 0n,
      reference: mine.reference,
      fulfilment,
    })
    expect(await rail.pay(mine)).toMatchObject({ kind: 'paid' })
    const [lookup, quote, transfer, , second] = calls
    expect(lookup?.path).toBe(`/parties/MSISDN/${MSISDN}`)
    expect(quote?.body).toEqual(second?.body)
    expect(quote?.body).toMatchObject({
      fspId: 'payeefsp',
      quotesPostRequest: {
        quoteId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4/) as string,
        transactionId: mine.reference,
        payer: { partyIdInfo: { partyIdentifier: '123456789', fspId: 'payerfsp' } },
      },
    })
    expect(transfer?.body).toMatchObject({
      fspId: 'payeefsp',
      transfersPostRequest: {
        transferId: mine.reference,
        payeeFsp: 'payeefsp',
        payerFsp: 'payerfsp',
        amount: money('10000'),
        condition,
      },
    })
  })

  const error = (code: string) => ({ errorInformation: { errorCode: code, errorDescription: 'd' } })
  const ok = (body: object): Reply => ({ status: 200, body: { currentState: 'COMPLETED', ...body } })
  /** A packet as an ILP library makes it: address and length before the JSON, which is base64url once more. */
  const quotedFor = (transactionId: string): object => {
    const data = Buffer.from(JSON.stringify({ transactionId, quoteId: 'q' })).toString('base64url')
    const packet = Buffer.from(`\x01\x82\x05\x3ag.payeefsp.msisdn.228\x82\x05\x06${data}`, 'latin1')
    const quote = quoteOf('10000')
    return { body: { ...quote.body, ilpPacket: packet.toString('base64url') } }
  }
  test.each<[string, Parameters<typeof steps>[1], object, number]>([
    [
      'party not found, as v24 says it',
      { party: ok(error('3204')) },
      { kind: 'refused', reason: 'PAYEE_NOT_FOUND' },
      1,
    ],
    [
      'party not found, as v18 says it',
      { party: ok({ party: { body: {}, headers: {} } }) },
      { kind: 'refused', reason: 'PAYEE_NOT_FOUND' },
      1,
    ],
    [
      'an empty answer',
      { party: { status: 200, body: {} } },
      { kind: 'refused', reason: 'PAYEE_NOT_FOUND' },
      1,
    ],
    [
      '404 with the code',
      { party: { status: 404, body: error('3204') } },
      { kind: 'refused', reason: 'PAYEE_NOT_FOUND' },
      1,
    ],
    [
      'a silent party',
      { party: { status: 500, body: { message: 'Timeout' } } },
      { kind: 'refused', reason: 'PAYEE_UNAVAILABLE', retryable: true },
      2,
    ],
    [
      'a look-up that the hub refuses at once',
      {
        party: {
          status: 500,
          body: {
            message: 'Request failed with status code 400',
            requestPartiesInformationState: {},
            statusCode: '500',
          },
        },
      },
      { kind: 'refused', reason: 'RAIL_ERROR', retryable: false },
      1,
    ],
    [
      'a hub that cannot be reached',
      {
        party: {
          status: 500,
          body: { message: 'connect ECONNREFUSED', requestPartiesInformationState: {}, statusCode: '500' },
        },
      },
      { kind: 'refused', reason: 'RAIL_ERROR', retryable: true },
      1,
    ],
    [
      'a party without institution',
      { party: ok({ party: { body: { name: 'Ama' } } }) },
      { kind: 'refused', reason: 'RAIL_ERROR', retryable: false },
      1,
    ],
    ['a look-up that is reset', { party: 'reset' }, { kind: 'unsent' }, 1],
    ['a look-up that hangs', { party: 'hang' }, { kind: 'unsent' }, 1],
    ['HTML to the look-up', { party: { status: 502, body: '<html>' } }, { kind: 'unsent' }, 1],
    ['401 to the look-up', { party: { status: 401 } }, { kind: 'stop' }, 1],
    [
      'a quote refused',
      { quote: ok({ quotes: { body: error('5200') } }) },
      { kind: 'refused', reason: 'PAYEE_LIMIT' },
      2,
    ],
    [
      'a quote refused with 500',
      {
        quote: {
          status: 500,
          body: {
            message: 'm',
            statusCode: '5200',
            requestQuotesInformationState: { lastError: { mojaloopError: error('5200') } },
          },
        },
      },
      { kind: 'refused', reason: 'PAYEE_LIMIT' },
      2,
    ],
    [
      'a fee above the cap',
      { quote: ok({ quotes: quoteOf('10001') }) },
      { kind: 'refused', reason: 'FEE_ABOVE_CAP' },
      2,
    ],
    [
      'the quote of another transfer, as a wedged SDK 18 gave it',
      { quote: ok({ quotes: quotedFor('c15b91c0-b295-401c-808c-c76e4d1a5782') }) },
      { kind: 'stop', because: expect.stringContaining('another transfer') as string },
      2,
    ],
    ['a quote that hangs', { quote: 'hang' }, { kind: 'unsent' }, 2],
    ['our currency refused', { quote: ok({ quotes: { body: error('4103') } }) }, { kind: 'stop' }, 2],
    [
      'the payee refuses inside a 200',
      { transfer: ok({ transfer: { body: error('5104') } }) },
      { kind: 'refused', reason: 'PAYEE_REJECTED' },
      3,
    ],
    [
      'a modified duplicate',
      { transfer: ok({ transfer: { body: error('3106') } }) },
      { kind: 'unknown', prepared: true },
      3,
    ],
    [
      'the hub’s own trouble',
      { transfer: ok({ transfer: { body: error('2001') } }) },
      { kind: 'unknown' },
      3,
    ],
    ['no liquidity', { transfer: ok({ transfer: { body: error('4001') } }) }, { kind: 'stop' }, 3],
    [
      'ABORTED',
      { transfer: ok({ transfer: { body: { transferState: 'ABORTED' } } }) },
      { kind: 'refused', reason: 'PAYEE_REJECTED' },
      3,
    ],
    [
      'RESERVED',
      { transfer: ok({ transfer: { body: { transferState: 'RESERVED', fulfilment } } }) },
      { kind: 'unknown' },
      3,
    ],
    [
      'a wrong fulfilment',
      { transfer: ok({ transfer: { body: { transferState: 'COMMITTED', fulfilment: condition } } }) },
      { kind: 'unknown' },
      3,
    ],
    [
      'no fulfilment',
      { transfer: ok({ transfer: { body: { transferState: 'COMMITTED' } } }) },
      { kind: 'unknown' },
      3,
    ],
    ['a transfer that is reset', { transfer: 'reset' }, { kind: 'unknown' }, 3],
    ['a transfer that hangs', { transfer: 'hang' }, { kind: 'unknown', prepared: true }, 3],
    ['204 to the transfer', { transfer: { status: 204 } }, { kind: 'unknown' }, 3],
    ['HTML to the transfer', { transfer: { status: 503, body: '<html>' } }, { kind: 'unknown' }, 3],
    [
      'a time-out of the adapter',
      { transfer: { status: 500, body: { message: 'Timeout', requestSimpleTransfersInformationState: {} } } },
      { kind: 'unknown' },
      3,
    ],
  ])('%s', async (_title, change, expected, calls_made) => {
    const { rail, calls } = await stepwise(change, { timeout_ms: 250 })
    expect(await rail.pay(order())).toMatchObject(expected)
    expect(calls).toHaveLength(calls_made)
  })

  test('without our id in the scheme nothing is quoted, and configuration can tell it', async () => {
    const bare = steps({ method: 'GET', path: '', body: {} }) as { body: { party: { body: object } } }
    const change = { party: ok({ party: { body: bare.body.party.body } }) }
    const { rail, calls } = await stepwise(change)
    expect(await rail.pay(order())).toMatchObject({ kind: 'stop' })
    expect(calls).toHaveLength(1)
    const told = await stepwise(change, { dfsp_id: 'cauri' })
    expect(await told.rail.pay(order())).toMatchObject({ kind: 'paid' })
  })
})
