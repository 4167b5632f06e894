import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestWorld } from '../test-world.ts'
import type { Answer, Json, TestWorld } from '../test-world.ts'
import { until } from '../../../test/harness/wait.ts'

describe('the hub’s own side', () => {
  let world: TestWorld
  const callbacks: { readonly path: string; readonly body: Json }[] = []
  const dfsp = createServer((req, res) => {
    let text = ''
    req.on('data', (chunk: Buffer) => (text += chunk.toString()))
    req.on('end', () => {
      callbacks.push({ path: req.url ?? '', body: JSON.parse(text) as Json })
      res.end()
    })
  })
  beforeAll(async () => {
    await new Promise<void>((resolve) => dfsp.listen(0, '127.0.0.1', resolve))
    world = await openTestWorld()
    await world.set({ callback_url: `http://127.0.0.1:${(dfsp.address() as AddressInfo).port}` })
  })
  afterAll(async () => {
    await world.close()
    dfsp.closeAllConnections()
    await new Promise((resolve) => dfsp.close(resolve))
  })
  const call = (method: string, path: string, body?: unknown): Promise<Answer> =>
    world.hub(method, path, body, { 'fspiop-source': 'payerfsp' })
  const told = (path: string, count = 1): Promise<Json> =>
    until(`callback ${path}`, async () => {
      const found = callbacks.filter((callback) => callback.path === path)
      return found.length >= count ? found[0]?.body : undefined
    })

  it('accepts with 202 and calls back with parties, quotes, transfers and their errors', async () => {
    expect((await call('GET', '/parties/MSISDN/22890123456')).status).toBe(202)
    expect((await told('/parties/MSISDN/22890123456'))['party']?.['partyIdInfo']?.['fspId']).toBe('payeefsp')
    await call('GET', '/parties/MSISDN/22890000000')
    expect((await told('/parties/MSISDN/22890000000/error'))['errorInformation']?.['errorCode']).toBe('3204')
    const [quoteId, transactionId] = [randomUUID(), randomUUID()]
    const payee = { partyIdInfo: { partyIdType: 'MSISDN', partyIdentifier: '22890000409' } }
    const amount = { currency: 'XOF', amount: '700' }
    await call('POST', '/quotes', { quoteId, transactionId, payee, amount })
    const quote = await told(`/quotes/${quoteId}`)
    const { ilpPacket, condition } = quote
    const sent = await call('POST', '/transfers', { transferId: transactionId, amount, ilpPacket, condition })
    expect(sent.status).toBe(202)
    expect((await told(`/transfers/${transactionId}`, 2))['transferState']).toBe('COMMITTED')
    expect(await world.paid()).toHaveLength(1)
    const unknown = randomUUID()
    await call('GET', `/transfers/${unknown}`)
    expect((await told(`/transfers/${unknown}/error`))['errorInformation']?.['errorCode']).toBe('3208')
  })

  it('refuses on the spot what names no source, is no JSON or is no path', async () => {
    expect((await world.hub('GET', '/parties/MSISDN/1')).status).toBe(400)
    expect((await call('POST', '/transfers', '{')).status).toBe(400)
    expect((await call('GET', '/nothing')).status).toBe(404)
    expect((await world.hub('GET', '/health')).json['status']).toBe('OK')
  })
})
