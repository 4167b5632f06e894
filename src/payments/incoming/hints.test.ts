import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  adapterAt,
  openBackend,
  openPayee,
  PAYEE,
  receivedBy,
  type Adapter,
} from '../../../test/harness/backend.ts'
import { freshDatabase } from '../../../test/harness/database.ts'
import { newBatch, openPayer } from '../../../test/harness/payments.ts'
import { freePort } from '../../../test/harness/seed.ts'
import { openApp } from '../../app.ts'
import { readConfig } from '../../platform/config.ts'
import { sql, type Db } from '../../platform/db.ts'
import { openLog } from '../../platform/log.ts'
import { ensureConnection, type BackendListener } from '../index.ts'

let db: Db
let url: string
let listener: BackendListener
let adapter: Adapter
let woken = 0

/** Lines that left the straight path, one in each state of a pursuit, all to be asked about in an hour. */
const states = [
  { pursuit: 'QUOTED', line: 'NEW', status: 'PENDING' },
  { pursuit: 'RETRY', line: 'RETRY', status: 'PROCESSING' },
  { pursuit: 'SENDING', line: 'RETRY', status: 'PROCESSING' },
  { pursuit: 'UNCERTAIN', line: 'UNCERTAIN', status: 'UNCERTAIN' },
  { pursuit: 'REVIEW', line: 'REVIEW', status: 'UNCERTAIN' },
] as const
const references = states.map(() => randomUUID())

beforeAll(async () => {
  ;({ db, url } = await freshDatabase())
  await ensureConnection(db, 'mojaloop', 'mojaloop')
  const payer = await openPayer(db, 'ACC-HINTS', 1_000_000n)
  const batch = await newBatch(
    db,
    payer,
    states.map((_, i) => `2289112233${i}`),
  )
  for (const [i, state] of states.entries()) {
    await db.run(
      sql`update payments_lines set state = ${state.line} where batch_id = ${batch} and seq = ${i + 1}`,
    )
    await db.run(sql`
      insert into payments_pursuits (batch_id, seq, connection_id, attempt, state, rail_reference, next_at)
      values (${batch}, ${i + 1}, 'mojaloop', 1, ${state.pursuit}, ${references[i]},
        case when ${state.pursuit} <> 'REVIEW' then cauri_now() + interval '1 hour' end)`)
  }
  listener = await openBackend(db, { wake: () => void woken++ })
  adapter = adapterAt(listener.port)
})
afterAll(() => listener.close())

type Pursuit = { state: string; due: boolean | null; hinted_at: Date | null }
const pursuits = (): Promise<Pursuit[]> =>
  db.many(sql`select state, next_at <= cauri_now() as due, hinted_at from payments_pursuits order by seq`)

test('an unknown id is a 404 problem, with the adapter’s own members beside it', async () => {
  for (const path of ['/transfers', '/api/transfers'])
    for (const id of [randomUUID(), 'x'.repeat(120)])
      expect(await adapter.call('PUT', `${path}/${id}`, { transferState: 'COMMITTED' })).toMatchObject({
        status: 404,
        type: 'application/problem+json; charset=utf-8',
        body: { code: 'TRANSFER_NOT_FOUND', status: 404, statusCode: '3208', message: 'No such transfer' },
      })
  expect(woken).toBe(0)
})

test('a notification answers the status, and brings forward the question of an uncertain line only', async () => {
  for (const [i, { status }] of states.entries())
    for (const path of ['/transfers', '/api/transfers']) {
      const transferId = references[i]
      const news = { currentState: 'COMPLETED', finalNotification: { transferState: 'COMMITTED' } }
      expect(await adapter.call('PUT', `${path}/${transferId}`, news)).toMatchObject({
        status: 200,
        body: { transferId, status },
      })
    }
  const after = await pursuits()
  expect(after.map(({ state, due, hinted_at }) => [state, due, hinted_at !== null])).toEqual([
    ['QUOTED', false, false],
    ['RETRY', false, false],
    ['SENDING', false, false],
    ['UNCERTAIN', true, true],
    ['REVIEW', null, false],
  ])
  expect(woken).toBeGreaterThan(0)
  // At most once in 30 seconds, whatever the body says; none is enough.
  await adapter.call('PUT', `/transfers/${references[3]}`)
  expect((await pursuits()).map(({ hinted_at }) => hinted_at)).toEqual(
    after.map(({ hinted_at }) => hinted_at),
  )
})

test('a transfer between two accounts of ours is hinted as the payer’s and credited as the payee’s', async () => {
  await openPayee(db, 'ACC-OURS')
  const reserving = await openBackend(db, { credit: 'AT_NOTIFICATION', wake: () => void woken++ })
  const both = adapterAt(reserving.port)
  const id = references[3] ?? ''
  expect((await both.transfer(id)).status).toBe(200)
  await db.run(sql`update payments_pursuits set hinted_at = null where rail_reference = ${id}`)
  expect((await both.notify(id, 'COMMITTED')).body).toEqual({ transferId: id, status: 'COMMITTED' })
  expect(await receivedBy(db, 'ACC-OURS')).toBe(10_000n)
  expect((await pursuits())[3]?.hinted_at).not.toBeNull()
  await reserving.close()
})

test('in production the public port asks for a key before it looks at the id; the adapter’s port asks nobody', async () => {
  const home = await mkdtemp(join(tmpdir(), 'cauri-backend-'))
  const backend = await freePort()
  const config = readConfig({
    CAURI_MODE: 'production',
    CAURI_HOME: home,
    LOG_LEVEL: 'silent',
    DATABASE_URL: url,
    PUBLIC_URL: 'https://pay.example.org',
    SECRET_KEY: 'k'.repeat(40),
    FIELD_ENCRYPTION_KEY: 'f'.repeat(40),
    BACKEND_PORT: String(backend),
  })
  const log = openLog('silent')
  const app = await openApp({ config, log, url, adapter_url: undefined, secret_key: 'k'.repeat(40) })
  const port = await app.startApi('127.0.0.1', 0)
  const known = references[3]
  for (const id of [known, randomUUID(), 'not%20an%20id', '%00', 'x'.repeat(250)])
    for (const headers of [{}, { authorization: 'Bearer nobody' }])
      expect(await adapterAt(port).call('PUT', `/api/transfers/${id}`, {}, headers)).toMatchObject({
        status: id === '%00' ? 400 : 401,
      })
  // The adapter's paths are not on the public port at all.
  for (const path of [`/parties/MSISDN/${PAYEE}`, `/transfers/${known}`])
    expect((await adapterAt(port).call('GET', path)).status).toBe(401)
  expect((await adapterAt(backend).call('PUT', `/api/transfers/${known}`, {})).status).toBe(200)
  expect((await adapterAt(backend).call('GET', `/parties/MSISDN/${PAYEE}`)).status).toBe(200)
  await app.stop()
  await expect(adapterAt(backend).call('GET', '/')).rejects.toThrow('fetch failed')
  await rm(home, { recursive: true, force: true })
})
