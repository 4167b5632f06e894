import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openTestWorld } from '../test-world.ts'
import type { Answer, TestWorld } from '../test-world.ts'

describe('two phases', () => {
  let world: TestWorld
  beforeEach(async () => {
    world = await openTestWorld({ mojaloop: { phases: 2, strict: true } })
  })
  afterEach(() => world.close())
  const accept = (id: string, body: unknown = { acceptQuote: true }): Promise<Answer> =>
    world.sdk('PUT', `/transfers/${id}`, body)

  it('stops with the fees before any money moves, and moves it on acceptance', async () => {
    const { status, json } = await world.post('22890000010')
    expect([status, json['currentState']]).toEqual([200, 'WAITING_FOR_QUOTE_ACCEPTANCE'])
    expect(json['quoteResponse']?.['body']?.['payeeFspFee']?.['amount']).toBe('50')
    expect(json['prepare']).toBeUndefined()
    expect(await world.paid()).toHaveLength(0)
    const done = await accept(json.transferId)
    expect([done.status, done.json['fulfil']?.['body']?.['transferState']]).toEqual([200, 'COMMITTED'])
    expect(await world.paid()).toHaveLength(1)
    const again = await accept(json.transferId)
    expect([again.status, again.json['currentState']]).toEqual([200, 'COMPLETED'])
    expect(await world.paid()).toHaveLength(1)
  })

  it('pays once when two acceptances arrive together', async () => {
    const { json } = await world.post('22890123456')
    const both = await Promise.all([accept(json.transferId), accept(json.transferId)])
    expect(both.map((answer) => answer.json['currentState'])).toEqual(['COMPLETED', 'COMPLETED'])
    expect(await world.paid()).toHaveLength(1)
  })

  it('aborts for good when the quote is not accepted', async () => {
    const { json } = await world.post('22890123456')
    for (const acceptQuote of [false, true]) {
      const answer = await accept(json.transferId, { acceptQuote })
      expect([answer.status, answer.json['currentState']]).toEqual([200, 'ABORTED'])
      expect(answer.json['abortedReason']).toBe('Quote rejected by backend')
    }
    expect(await world.paid()).toHaveLength(0)
  })

  it('is destroyed by a query while it waits: the acceptance is then 204 and pays nothing', async () => {
    const { json } = await world.post('22890123456')
    const query = await world.sdk('GET', `/transfers/${json.transferId}`)
    expect([query.status, query.json.statusCode]).toEqual([500, '3208'])
    const answer = await accept(json.transferId)
    expect([answer.status, answer.text]).toEqual([204, ''])
    expect(await world.paid()).toHaveLength(0)
  })

  it('answers 204 after a time-out, while a query finds the money paid', async () => {
    const { json } = await world.post('22890000006')
    const slow = accept(json.transferId)
    await pause(30)
    await world.advance(30)
    expect((await slow).status).toBe(504)
    expect((await accept(json.transferId)).status).toBe(204)
    const found = await world.sdk('GET', `/transfers/${json.transferId}`)
    expect(found.json['fulfil']?.['body']?.['transferState']).toBe('COMMITTED')
    expect(found.json['lastError']?.['httpStatusCode']).toBe(504)
  })

  it('does not know other ids, and wants exactly one choice', async () => {
    const id = randomUUID()
    const unknown = await accept(id)
    expect([unknown.status, unknown.json.message]).toEqual([
      500,
      `No cached data found for transferId: ${id}`,
    ])
    for (const body of [{}, { acceptQuote: 'perhaps' }, { acceptQuote: true, acceptParty: true }, []])
      expect((await accept(id, body)).status).toBe(400)
  })
})
