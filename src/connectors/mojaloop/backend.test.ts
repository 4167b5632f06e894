import { describe, expect, test } from 'vitest'
import { mojaloopBackend } from './backend.ts'
import type { IncomingTransfer, PayeeDesk, TransferRecord } from './backend.ts'

/** A desk with one payee and its books in memory: real enough to credit exactly once. */
function openDesk(): PayeeDesk & { readonly records: Map<string, TransferRecord> } {
  const records = new Map<string, TransferRecord>()
  const sameTerms = (a: IncomingTransfer, b: IncomingTransfer): boolean =>
    a.amount === b.amount && a.currency === b.currency && a.payee.identifier === b.payee.identifier
  return {
    records,
    findParty: (type, identifier) =>
      Promise.resolve(
        identifier === '22890000123'
          ? { type, identifier, name: 'Ama Koffi', currencies: ['XOF'] }
          : undefined,
      ),
    quote: ({ amount }) =>
      Promise.resolve(
        amount > 1_000_000n
          ? { refused: 'LIMIT' }
          : { receives: amount, fee: 25n, expires_at: new Date('2026-11-22T12:00:00Z') },
      ),
    reserveOrCredit: (transfer) => {
      const known = records.get(transfer.transfer_id)
      if (known && !sameTerms(known, transfer)) return Promise.resolve({ refused: 'MODIFIED_REQUEST' })
      const record = known ?? {
        ...transfer,
        home_reference: `in-${records.size + 1}`,
        state: 'RESERVED',
        at: new Date('2026-11-22T11:00:00Z'),
      }
      records.set(transfer.transfer_id, record)
      return Promise.resolve({ home_reference: record.home_reference, state: 'RESERVED' })
    },
    conclude: (id, state) => {
      const record = records.get(id)
      if (!record) return Promise.resolve({ refused: 'TRANSFER_NOT_FOUND' })
      records.set(id, { ...record, state })
      return Promise.resolve()
    },
    findTransfer: (id) => Promise.resolve(records.get(id)),
  }
}

const TRANSFER = 'b57896f0-070b-4717-8091-fdf5a9660b96'
const party = (idValue: string) => ({ idType: 'MSISDN', idValue, fspId: 'x', surprise: true })
const terms = {
  to: party('22890000123'),
  from: { ...party('22811111111'), firstName: 'Kofi', lastName: 'Mensah' },
  amountType: 'SEND',
  amount: '10000',
  currency: 'XOF',
  transactionType: 'TRANSFER',
  initiator: 'PAYER',
  initiatorType: 'CONSUMER',
}
const quote = { quoteId: 'q-1', transactionId: TRANSFER, ...terms }
const transfer = {
  transferId: TRANSFER,
  ...terms,
  quote,
  ilpPacket: { data: { amount: '10000' } },
  note: 'Merci',
}

describe('GET /parties', () => {
  test('a payee is shown with the name and currencies of the desk', async () => {
    expect(await mojaloopBackend(openDesk()).getParty('MSISDN', '22890000123')).toEqual({
      status: 200,
      body: {
        type: 'CONSUMER',
        idType: 'MSISDN',
        idValue: '22890000123',
        displayName: 'Ama Koffi',
        supportedCurrencies: ['XOF'],
      },
    })
  })
  test.each([
    ['MSISDN', '22899999999'],
    ['NO_TYPE', '22890000123'],
  ])('%s %s is 404 with the code that the adapter turns into 3204', async (type, id) => {
    expect(await mojaloopBackend(openDesk()).getParty(type, id)).toEqual({
      status: 404,
      body: { statusCode: '3204', message: 'Party not found' },
    })
  })
})

describe('POST /quoterequests', () => {
  test('a quote carries the fee above the amount, as text', async () => {
    expect((await mojaloopBackend(openDesk()).postQuoteRequest(quote)).body).toEqual({
      quoteId: 'q-1',
      transactionId: TRANSFER,
      transferAmount: '10025',
      transferAmountCurrency: 'XOF',
      payeeReceiveAmount: '10000',
      payeeReceiveAmountCurrency: 'XOF',
      payeeFspFeeAmount: '25',
      payeeFspFeeAmountCurrency: 'XOF',
      expiration: '2026-11-22T12:00:00.000Z',
    })
  })
  test.each<[string, unknown, number, string]>([
    ['above the limit', { ...quote, amount: '1000001' }, 500, '5200'],
    ['in another currency', { ...quote, currency: 'EUR' }, 500, '5106'],
    ['with centimes', { ...quote, amount: '100.5' }, 400, '3101'],
    ['of nothing', { ...quote, amount: '0' }, 400, '3101'],
    ['with a leading zero', { ...quote, amount: '010' }, 400, '3101'],
    ['without payee', { ...quote, to: undefined }, 400, '3101'],
    ['that is no object', 'quote', 400, '3101'],
  ])('a request %s is refused', async (_title, body, status, code) => {
    expect(await mojaloopBackend(openDesk()).postQuoteRequest(body)).toMatchObject({
      status,
      body: { statusCode: code },
    })
  })
})

describe('transfers', () => {
  test('the same transfer twice is one credit; the same id with other terms is 3106', async () => {
    const desk = openDesk()
    const backend = mojaloopBackend(desk)
    const reply = { status: 200, body: { homeTransactionId: 'in-1', transferState: 'RESERVED' } }
    expect(await backend.postTransfer(transfer)).toEqual(reply)
    expect(await backend.postTransfer(transfer)).toEqual(reply)
    expect(desk.records.size).toBe(1)
    expect(desk.records.get(TRANSFER)).toMatchObject({
      amount: 10_000n,
      payer: { name: 'Kofi Mensah' },
      note: 'Merci',
    })
    expect(await backend.postTransfer({ ...transfer, amount: '10001' })).toMatchObject({
      body: { statusCode: '3106' },
    })
    expect(await backend.postTransfer({ ...transfer, ilpPacket: undefined })).toMatchObject({ status: 400 })
  })

  test('only the hub’s last word concludes it; other news changes nothing', async () => {
    const desk = openDesk()
    const backend = mojaloopBackend(desk)
    await backend.postTransfer(transfer)
    for (const news of [
      {},
      { currentState: 'COMPLETED' },
      { transferState: 'COMMITTED' },
      { finalNotification: { transferState: 'RESERVED' } },
    ]) {
      expect(await backend.putTransfer(TRANSFER, news)).toEqual({ status: 200 })
      expect(desk.records.get(TRANSFER)?.state).toBe('RESERVED')
    }
    const last = {
      currentState: 'COMPLETED',
      finalNotification: { completedTimestamp: 'x', transferState: 'COMMITTED' },
    }
    expect(await backend.putTransfer(TRANSFER, last)).toEqual({ status: 200 })
    expect(await backend.getTransfer(TRANSFER)).toMatchObject({
      status: 200,
      body: { homeTransactionId: 'in-1', amount: '10000', transferState: 'COMMITTED', note: 'Merci' },
    })
    expect(await backend.putTransfer('unknown', last)).toMatchObject({
      status: 404,
      body: { statusCode: '3208' },
    })
    expect(await backend.getTransfer('unknown')).toMatchObject({ status: 404, body: { statusCode: '3208' } })
    expect(await backend.putTransfer(TRANSFER, [])).toMatchObject({ status: 400 })
  })
})
