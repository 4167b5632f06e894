import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase } from '../../test/harness/database.ts'
import { openReceiver, type Received } from '../../test/harness/receiver.ts'
import { until } from '../../test/harness/wait.ts'
import { sql, type Db } from '../platform/db.ts'
import { openJobs, type Jobs } from '../platform/jobs.ts'
import { openLog } from '../platform/log.ts'
import { openOutbound, type Outbound } from '../platform/outbound.ts'
import { deliver, newDelivery, webhookSecret, type Delivery, type DeliverDeps } from './index.ts'

const secret_key = 'the server’s own key, which nobody else has'
const log = openLog('silent')
let db: Db
let jobs: Jobs<'hook'>
let outbound: Outbound
let deps: DeliverDeps
beforeAll(async () => {
  const database = await freshDatabase()
  db = database.db
  outbound = openOutbound({ production: false, allow_loopback: true })
  deps = { db, log, outbound, secret_key, timeout_ms: 300 }
  jobs = await openJobs(database.url, { hook: { retries: 3, retry_delay_s: 1 } }, log)
  await jobs.work<Delivery>('hook', (job) => deliver(deps, job.data), { poll_s: 0.5 })
})
afterAll(async () => {
  await jobs.stop(1_000)
  await outbound.close()
})

const fact = (url: string, data: object = { bulkTransferId: 'bulk-1', note: 'payé ✓' }): Delivery =>
  newDelivery({ url, organization_id: 7n, type: 'bulk.finished', data }, new Date('2026-11-22T10:00:00Z'))
const send = (delivery: Delivery): Promise<string | null> => db.tx((tx) => jobs.send(tx, 'hook', delivery))
const verified = ({ body, headers }: Received, secret = webhookSecret(secret_key, 7n)): unknown =>
  new Webhook(secret).verify(body, { ...headers })

test('an event is signed as Standard Webhooks, with a secret of the organisation’s own', async () => {
  const receiver = await openReceiver()
  const delivery = fact(receiver.url)
  await deliver(deps, delivery)
  const [got] = receiver.received
  if (got === undefined) throw new Error('nothing came')
  expect(verified(got)).toEqual({
    type: 'bulk.finished',
    timestamp: '2026-11-22T10:00:00.000Z',
    data: { bulkTransferId: 'bulk-1', note: 'payé ✓' },
  })
  expect(got.headers).toMatchObject({ 'webhook-id': delivery.id, 'content-type': 'application/json' })
  expect(Math.abs(Number(got.headers['webhook-timestamp']) - Date.now() / 1_000)).toBeLessThan(60)
  expect(() => verified(got, webhookSecret(secret_key, 8n))).toThrow('No matching signature')
  expect(() => verified({ ...got, body: got.body.replace('bulk-1', 'bulk-2') })).toThrow(
    'No matching signature',
  )
  expect(() => verified({ ...got, headers: { ...got.headers, 'webhook-id': 'msg_other' } })).toThrow(
    'No matching signature',
  )
  expect(webhookSecret(secret_key, 7n)).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
  const { n } = await db.one<{ n: bigint }>(
    sql`select count(*) as n from audit_events where action = 'webhook.delivered' and subject = ${delivery.id}`,
  )
  expect(n).toBe(1n)
})

test('it is tried again until the receiver takes it, always under the same id', async () => {
  const answers = [500, 404, 200]
  const receiver = await openReceiver((call, reply) => {
    if (call === 2) return // it hangs: after the time limit the try has failed
    reply.writeHead(answers[call - 1] ?? 200).end()
  })
  const delivery = fact(receiver.url)
  await send(delivery)
  await until('the third try', async () => receiver.received.length === 3, 15_000)
  expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id']))).toEqual(
    new Set([delivery.id]),
  )
  for (const got of receiver.received) expect(() => verified(got)).not.toThrow()
  await until('it is recorded', async () => {
    const { n } = await db.one<{ n: bigint }>(
      sql`select count(*) as n from audit_events where subject = ${delivery.id}`,
    )
    return n === 1n
  })
  expect(await jobs.listDead()).toEqual([])
})

test('a redirect is not followed: it counts as not taken', async () => {
  const inside = await openReceiver()
  for (const status of [301, 302, 303, 307, 308]) {
    const receiver = await openReceiver((_, reply) =>
      reply.writeHead(status, { location: `http://127.0.0.1:${inside.port}/` }).end(),
    )
    await expect(deliver(deps, fact(receiver.url))).rejects.toThrow(`answered ${status}`)
    expect(receiver.received).toHaveLength(1)
  }
  expect(inside.received).toEqual([])
})

test('an endless answer is cut, and no answer at all is an error', async () => {
  const chatty = await openReceiver((_, reply) => {
    reply.writeHead(200)
    const more = setInterval(() => reply.write(Buffer.alloc(65_536)), 1)
    reply.on('close', () => clearInterval(more))
  })
  await expect(deliver(deps, fact(chatty.url))).rejects.toThrow('longer than 65536 bytes')
  const gone = await openReceiver((_, reply) => void reply.destroy())
  await expect(deliver(deps, fact(gone.url))).rejects.toThrow(/webhook msg_/)
})

test('where the sandbox’s loopback is not allowed nothing is sent there', async () => {
  const strict = openOutbound({ production: true, allow_loopback: false })
  const receiver = await openReceiver()
  for (const url of [receiver.url, `https://127.0.0.1:${receiver.port}/`, 'https://169.254.169.254/'])
    await expect(deliver({ ...deps, outbound: strict }, fact(url))).rejects.toThrow('refused by the guard')
  expect(receiver.received).toEqual([])
  await strict.close()
})

test(
  'a receiver that never takes it leaves a dead job that names no secret',
  { timeout: 60_000 },
  async () => {
    const receiver = await openReceiver((_, reply) => void reply.writeHead(503).end())
    await send(fact(receiver.url))
    const dead = await until('the tries are used up', async () => (await jobs.listDead())[0], 45_000)
    expect(dead).toMatchObject({ queue: 'hook', tries: 4, data: { type: 'bulk.finished' } })
    expect(JSON.stringify(dead)).not.toContain('whsec_')
    expect(receiver.received).toHaveLength(4)
  },
)
