import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sql } from '../../src/platform/db.ts'
import { webhookSecret } from '../../src/webhooks/index.ts'
import { magic, standardCsv } from '../harness/multipart.ts'
import { openReceiver } from '../harness/receiver.ts'
import { openServer, SECRET_KEY, type TestServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

let server: TestServer
beforeAll(async () => {
  server = await openServer({ env: { MOJALOOP_QUERY_DELAYS_S: '3600', MOJALOOP_TIMEOUT_S: '0.5' } })
})
afterAll(() => server.stop())

const upload = async (csv: string, callback_url: string): Promise<string> => {
  const { status, body } = await server.upload(csv, { callback_url })
  expect(status).toBe(201)
  return body.bulkTransferId
}
const secret = async (): Promise<string> => {
  const { id } = await server.db.one<{ id: bigint }>(
    sql`select id from identity_organizations where name = 'Caisse de démonstration'`,
  )
  return webhookSecret(SECRET_KEY, id)
}

test('when the batch is final its callback_url is told once, signed: the status without its lines', async () => {
  const receiver = await openReceiver()
  const id = await upload(standardCsv(20), receiver.url)
  await until('the callback came', async () => receiver.received.length > 0, 15_000)
  const [got] = receiver.received
  if (got === undefined) throw new Error('nothing came')
  const said = new Webhook(await secret()).verify(got.body, { ...got.headers })
  const { individualTransfers, ...status } = (await server.call('GET', `/api/bulk-transfers/${id}/status`))
    .body
  expect(individualTransfers).toHaveLength(20)
  expect(said).toEqual({ type: 'bulk.finished', timestamp: expect.any(String) as string, data: status })
  expect(status).toMatchObject({ state: 'COMPLETED', callback_url: receiver.url })
  expect(got.path).toBe('/hook')
})

test('it is not told while a line is uncertain, nor when the address is our own', async () => {
  const receiver = await openReceiver()
  const open = await upload(
    `type_id,valeur_id,devise,montant\nMSISDN,${magic('129')},XOF,100\n`,
    `${receiver.url}/uncertain`,
  )
  for (const own of [server.base, `http://localhost:${server.port}`])
    await upload(standardCsv(1, own === server.base ? 100 : 200), `${own}/api/transfers`)
  const statusNow = async (): Promise<[string, number]> => {
    const { body } = await server.call('GET', `/api/bulk-transfers/${open}/status`)
    return [body.state, body.uncertain]
  }
  await until('its line is uncertain', async () => (await statusNow())[1] === 1)
  // When a later list is told, this one would have been told too.
  const paid = await upload(standardCsv(1, 300), `${receiver.url}/paid`)
  await until('the last one is told', async () => receiver.received.length > 0, 15_000)
  expect(await statusNow()).toEqual(['PROCESSING', 1])
  expect(receiver.received.map(({ path }) => path)).toEqual(['/hook/paid'])
  expect(receiver.received[0]?.body).toContain(paid)
})

test('a batch that is cancelled before it begins is told as CANCELLED', async () => {
  const other = await openServer({ worker: false })
  const receiver = await openReceiver()
  const { body } = await other.upload(standardCsv(3), { callback_url: receiver.url })
  await other.call('POST', `/api/bulk-transfers/${body.bulkTransferId}/cancel`, {})
  await other.app.startWorker()
  await until('it is told', async () => receiver.received.length > 0, 15_000)
  expect(JSON.parse(receiver.received[0]?.body ?? '')).toMatchObject({
    data: { bulkTransferId: body.bulkTransferId, state: 'CANCELLED', cancelled: 3 },
  })
  await other.stop()
})
