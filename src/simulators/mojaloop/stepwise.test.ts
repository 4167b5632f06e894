import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openTestWorld, transferTo } from '../test-world.ts'
import type { Answer, Json, TestWorld } from '../test-world.ts'

const payer = { partyIdInfo: { partyIdType: 'MSISDN', partyIdentifier: '123456789', fspId: 'payerfsp' } }

describe('three calls, bulks', () => {
  let world: TestWorld
  beforeEach(async () => {
    world = await openTestWorld({ mojaloop: { strict: true } })
  })
  afterEach(() => world.close())

  const quote = (party: string, transactionId: string): Promise<Answer> =>
    world.sdk('POST', '/quotes', {
      fspId: 'payeefsp',
      quotesPostRequest: {
        quoteId: randomUUID(),
        transactionId,
        payer,
        payee: { partyIdInfo: { partyIdType: 'MSISDN', partyIdentifier: party, fspId: 'payeefsp' } },
        amountType: 'SEND',
        amount: { currency: 'XOF', amount: '5000' },
        transactionType: { scenario: 'TRANSFER', initiator: 'PAYER', initiatorType: 'BUSINESS' },
      },
    })
  const transfer = (
    transferId: string,
    quoted: Json | undefined,
    more: Record<string, unknown> = {},
  ): Promise<Answer> =>
    world.sdk('POST', '/simpleTransfers', {
      fspId: 'payeefsp',
      transfersPostRequest: {
        transferId,
        payeeFsp: 'payeefsp',
        payerFsp: 'payerfsp',
        amount: quoted?.['transferAmount'],
        ilpPacket: quoted?.['ilpPacket'],
        condition: quoted?.['condition'],
        expiration: new Date(Date.now() + 60_000).toISOString(),
        ...more,
      },
    })

  it('finds a party by number, with the same name every time, and says 404 or the old empty 200 otherwise', async () => {
    const found = await world.sdk('GET', '/parties/MSISDN/22890123456')
    const name = found.json['party']?.['body']?.['name']
    expect(found.status).toBe(200)
    expect((await world.sdk('GET', '/parties/MSISDN/22890123456')).json['party']?.['body']?.['name']).toBe(
      name,
    )
    const other = await world.sdk('GET', '/parties/MSISDN/22890000301')
    expect(other.json['party']?.['body']?.['name']).toBe('Zénabou Quashie-Xatsa')
    const none = await world.sdk('GET', '/parties/MSISDN/22890000000')
    expect(none.status).toBe(404)
    expect(none.json).toEqual({
      errorInformation: { errorCode: '3204', errorDescription: 'Party not found' },
      currentState: 'COMPLETED',
    })
    await world.set({ v18_parties: true })
    const old = await world.sdk('GET', '/parties/MSISDN/22890000000')
    expect([old.status, old.json]).toEqual([200, { party: { body: {} }, currentState: 'COMPLETED' }])
  })

  it('pays under our own id in three calls, once however often it is posted', async () => {
    const id = randomUUID()
    const quoted = (await quote('22890000010', id)).json['quotes']?.['body']
    expect(quoted?.['transferAmount']?.['amount']).toBe('5050')
    const first = await transfer(id, quoted)
    expect(first.json['transfer']?.['body']?.['transferState']).toBe('COMMITTED')
    const again = await transfer(id, quoted)
    expect(again.json['transfer']?.['body']).toEqual(first.json['transfer']?.['body'])
    expect(await world.paid()).toMatchObject([{ reference: id, amount: 5000, party: '22890000010' }])
    const found = await world.sdk('GET', `/transfers/${id}`)
    expect(Object.keys(found.json)).toEqual([
      'transferId',
      'currentState',
      'initiatedTimestamp',
      'direction',
      'fulfil',
    ])
  })

  it('reports a refused transfer as 200 and COMPLETED with an error inside', async () => {
    const id = randomUUID()
    const quoted = (await quote('22890000003', id)).json['quotes']?.['body']
    const answer = await transfer(id, quoted)
    expect([answer.status, answer.json['currentState']]).toEqual([200, 'COMPLETED'])
    expect(answer.json['transfer']?.['body']?.['errorInformation']?.['errorCode']).toBe('5104')
    const forged = await transfer(randomUUID(), quoted, { condition: 'A'.repeat(43) })
    expect(forged.json['transfer']?.['body']?.['errorInformation']?.['errorCode']).toBe('3100')
    const refused = await quote('22890000001', randomUUID())
    expect(refused.json['quotes']?.['body']?.['errorInformation']?.['errorCode']).toBe('5200')
    expect(await world.paid()).toHaveLength(0)
  })

  it('quotes and pays in bulk with a result per item, 1000 items at most', async () => {
    const parties = ['22890123456', '22890000003', '22890123457']
    const base = { from: transferTo('1')['from'], homeTransactionId: 'b1' }
    const item = (party: string): Record<string, unknown> => ({
      to: { idType: 'MSISDN', idValue: party, fspId: 'payeefsp' },
      amountType: 'SEND',
      currency: 'XOF',
      amount: '100',
      transactionType: 'TRANSFER',
    })
    const quotes = await world.sdk('POST', '/bulkQuotes', {
      ...base,
      individualQuotes: [...parties, '22890000001'].map((party) => ({
        quoteId: randomUUID(),
        ...item(party),
      })),
    })
    const results = quotes.json['individualQuoteResults'] as unknown as Json[]
    expect(results.map((result) => Object.hasOwn(result, 'lastError'))).toEqual([false, false, false, true])
    const bulk = (count: number): Record<string, unknown> => ({
      ...base,
      bulkTransferId: randomUUID(),
      bulkQuoteId: randomUUID(),
      individualTransfers: Array.from({ length: count }, (_, i) => ({
        transferId: randomUUID(),
        ...item(parties[i % 3] ?? ''),
        ilpPacket: results[i % 3]?.['ilpPacket'],
        condition: results[i % 3]?.['condition'],
      })),
    })
    const sent = bulk(3)
    const done = await world.sdk('POST', '/bulkTransfers', sent)
    const items = done.json['individualTransferResults'] as unknown as Json[]
    expect(items.map((result) => Object.hasOwn(result, 'fulfilment'))).toEqual([true, false, true])
    expect(done.json['currentState']).toBe('COMPLETED')
    expect(await world.paid()).toHaveLength(2)
    await world.sdk('POST', '/bulkTransfers', sent)
    expect(await world.paid()).toHaveLength(2)
    const found = await world.sdk('GET', `/bulkTransfers/${String(sent['bulkTransferId'])}`)
    expect(found.json['individualTransferResults']).toEqual(done.json['individualTransferResults'])
    expect((await world.sdk('POST', '/bulkTransfers', bulk(1000))).status).toBe(200)
    const many = await world.sdk('POST', '/bulkTransfers', bulk(1001))
    expect(many.json).toEqual({ message: 'must NOT have more than 1000 items', statusCode: 400 })
  })
})
