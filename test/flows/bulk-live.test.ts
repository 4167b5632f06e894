import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openEvents } from '../harness/events.ts'
import { foreignBatch } from '../harness/foreign.ts'
import { magic, numberAt, standardCsv } from '../harness/multipart.ts'
import { openServer, type TestServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

const env = { MOJALOOP_QUERY_DELAYS_S: '3600', MOJALOOP_TIMEOUT_S: '0.5', MOJALOOP_REVIEW_AFTER_S: '7200' }
let server: TestServer
let foreign: string
beforeAll(async () => {
  server = await openServer({ env })
  foreign = await foreignBatch(server)
})
afterAll(() => server.stop())

let next = 1_000
const fresh = (rows: number): string => standardCsv(rows, (next += 2_000))
const upload = async (csv: string, to: TestServer = server): Promise<string> =>
  (await to.upload(csv)).body.bulkTransferId
const streamOf = (id: string, headers = {}, of: TestServer = server) =>
  openEvents(`${of.base}/api/bulk-transfers/${id}/stream`, headers)
/** A batch of a server without worker, paused. */
async function resting(of: TestServer): Promise<string> {
  const id = await upload(fresh(3), of)
  await of.call('POST', `/api/bulk-transfers/${id}/pause`, { reason: 'pause' })
  return id
}
const silent = (): string =>
  `transferId,amount,currency,partyIdType,partyIdentifier\nq-${next++},100,XOF,MSISDN,${magic('129', next++ % 10)}\nq-${next++},100,XOF,MSISDN,${numberAt(next++)}\n`

describe('a stream', () => {
  test('tells the state at once, then what changes, then done, and closes', async () => {
    const id = await upload(fresh(600))
    const begun = performance.now()
    const stream = await streamOf(id, { 'accept-language': 'en' })
    expect(stream.status).toBe(200)
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    const first = await stream.next('a first event', () => true)
    expect(Object.keys(first.data)).toEqual([
      'bulkTransferId',
      'state',
      'total',
      'completed',
      'failed',
      'cancelled',
      'pending',
      'uncertain',
      'paused',
      'progress_percent',
    ])
    const done = await stream.next('done', ({ event }) => event === 'done')
    expect(done.data).toEqual({ state: 'COMPLETED', message: 'Every transfer is paid.' })
    await until('the stream is closed', async () => stream.ended())
    const messages = stream.events.filter(({ event }) => event === 'message')
    const seconds = (performance.now() - begun) / 1_000
    expect(messages.length).toBeLessThanOrEqual(3 + 4 * seconds)
    expect(messages.at(-1)?.data).toMatchObject({
      state: 'COMPLETED',
      completed: 600,
      pending: 0,
      progress_percent: 100,
    })
    for (const [i, { id: at, data }] of messages.entries()) {
      expect(data.completed + data.failed + data.cancelled + data.pending + data.uncertain).toBe(600)
      expect(Number(at)).toBeGreaterThanOrEqual(Number(messages[i - 1]?.id ?? -1))
      expect(data.completed).toBeGreaterThanOrEqual(messages[i - 1]?.data.completed ?? 0)
    }
    expect(messages.some(({ data }) => data.state === 'PROCESSING')).toBe(true)
  })

  test('of a final batch is one state and done, in the caller’s language', async () => {
    const id = await upload(fresh(1))
    await server.call('GET', `/api/bulk-transfers/${id}/wait?timeout=10`)
    const stream = await streamOf(`${id}`, { 'last-event-id': '1' })
    await until('the stream is closed', async () => stream.ended())
    expect(stream.events.map(({ event }) => event)).toEqual(['message', 'done'])
    expect(stream.events[1]?.data.message).toBe('Tous les transferts sont payés.')
  })

  test('of a batch that is not there or not ours is a 404 problem, so that EventSource stops', async () => {
    for (const id of ['bulk-none', foreign]) {
      const stream = await streamOf(id)
      await until('the answer is there', async () => stream.ended())
      expect([stream.status, stream.headers['content-type']]).toEqual([
        404,
        'application/problem+json; charset=utf-8',
      ])
      expect(JSON.parse(stream.text())).toMatchObject({ code: 'BULK_NOT_FOUND' })
    }
    const post = await server.call('POST', '/api/bulk-transfers/bulk-none/stream')
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, OPTIONS'])
    const head = await fetch(`${server.base}/api/bulk-transfers/bulk-none/stream`, { method: 'HEAD' })
    expect(head.status).toBe(405)
  })

  test('stays open and PROCESSING while one line is uncertain; a client that comes back sees the same', async () => {
    const id = await upload(silent())
    const stream = await streamOf(id)
    const stuck = ({ data }: { data: { uncertain?: number; completed?: number } }): boolean =>
      data.uncertain === 1 && data.completed === 1
    const event = await stream.next('one line is uncertain', stuck)
    expect(event.data).toMatchObject({ state: 'PROCESSING', pending: 0, progress_percent: 50 })
    stream.close()
    const again = await streamOf(id, { 'last-event-id': event.id ?? '' })
    expect(await again.next('the state', stuck)).toMatchObject({ id: event.id, data: event.data })
    expect([again.ended(), again.events.some((one) => one.event === 'done')]).toEqual([false, false])
    again.close()
  })

  test('two hundred watchers of one batch cost one read for each change', async () => {
    const other = await openServer({ worker: false })
    const id = await resting(other)
    const streams = await Promise.all(Array.from({ length: 200 }, () => streamOf(id, {}, other)))
    await Promise.all(streams.map((stream) => stream.next('it rests', ({ data }) => data.paused)))
    const reads = vi.spyOn(other.app.ctx.db, 'many')
    await other.call('POST', `/api/bulk-transfers/${id}/resume`)
    await other.app.startWorker()
    await Promise.all(streams.map((stream) => stream.next('done', ({ event }) => event === 'done')))
    const of_batches = reads.mock.calls.filter(([{ text }]) => text.includes('from bulk_public_batches'))
    reads.mockRestore()
    expect(of_batches.length).toBeGreaterThan(0)
    expect(of_batches.length).toBeLessThan(20)
    for (const stream of streams) expect(stream.events.at(-2)?.data).toMatchObject({ state: 'COMPLETED' })
    await other.stop()
  })

  test('ends with an error event when the server stops', async () => {
    const other = await openServer({ worker: false })
    const id = await resting(other)
    const stream = await streamOf(id, {}, other)
    await stream.next('a first event', () => true)
    await other.stop()
    await until('the stream is closed', async () => stream.ended())
    expect(stream.events.at(-1)).toMatchObject({ event: 'error', data: { code: 'UNAVAILABLE', retry: true } })
  })
})

describe('wait', () => {
  test('answers when the batch is final', async () => {
    const id = await upload(fresh(100))
    const answer = await server.call('GET', `/api/bulk-transfers/${id}/wait?timeout=15`)
    expect([answer.status, answer.body.state, answer.body.completed]).toEqual([200, 'COMPLETED', 100])
    expect((await server.call('GET', `/api/bulk-transfers/${id}/wait/?timeout=0`)).status).toBe(200)
  })

  test('answers 408 with the progress when the time is over', async () => {
    const other = await openServer({ worker: false })
    const id = await resting(other)
    const answer = await other.call('GET', `/api/bulk-transfers/${id}/wait?timeout=0.2`)
    expect(answer.status).toBe(408)
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(answer.body).toMatchObject({
      code: 'WAIT_TIMED_OUT',
      bulkTransferId: id,
      state: 'PENDING',
      total: 3,
      pending: 3,
      paused: true,
      progress_percent: 0,
    })
    await other.stop()
  })

  test('refuses unknown batches and times outside 0 to 600 seconds', async () => {
    for (const id of ['bulk-none', foreign])
      expect((await server.call('GET', `/api/bulk-transfers/${id}/wait?timeout=1`)).status).toBe(404)
    for (const timeout of ['601', '-1', 'soon']) {
      const answer = await server.call('GET', `/api/bulk-transfers/${foreign}/wait?timeout=${timeout}`)
      expect([answer.status, answer.body.errors[0].pointer]).toEqual([400, '/query/timeout'])
    }
    expect((await server.call('POST', `/api/bulk-transfers/${foreign}/wait`)).status).toBe(405)
  })

  test('a server that stops answers those who wait', async () => {
    const other = await openServer({ worker: false })
    const id = await resting(other)
    const waiting = other.call('GET', `/api/bulk-transfers/${id}/wait?timeout=60`)
    await other.call('GET', '/health')
    await other.stop()
    expect((await waiting).status).toBe(408)
  })
})
