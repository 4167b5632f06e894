import { expect, test } from 'vitest'
import { until } from '../../../test/harness/wait.ts'
import { defineRoute, taken } from './route.ts'
import { ask, common, good, raw, start, waits } from '../../../test/harness/http-server.ts'

test('an upload larger than the JSON limit is read by its route', async () => {
  const { url } = await start()
  const form = new FormData()
  form.append('file', new Blob([Buffer.alloc(2_500_000)]), 'list.csv')
  const { response, body } = await ask(`${url}/api/uploads`, { method: 'POST', headers: good, body: form })
  expect([response.status, body]).toEqual([201, { bytes: 2_500_000 }])
})

test('a caller without rights is answered before any byte of the file is sent', async () => {
  const { url } = await start()
  const head = 'POST /api/uploads HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000000\r\n'
  const text = await raw(url, `${head}content-type: multipart/form-data; boundary=x\r\n\r\n`)
  expect(text).toContain('HTTP/1.1 401')
})

test('an upload refused in the middle is answered, and its connection does not hang', async () => {
  const { url } = await start()
  const form = new FormData()
  form.append('file', new Blob([Buffer.alloc(40_000_000)]), 'list.csv')
  const { response } = await ask(`${url}/api/uploads`, { method: 'POST', headers: good, body: form })
  expect(response.status).toBe(413)
})

test('a CSV is streamed with its own content type; HEAD has no body; an endless route has no HEAD', async () => {
  const { url } = await start()
  const csv = await fetch(`${url}/api/accounts/1/statement`, { headers: good })
  expect(csv.headers.get('content-type')).toContain('text/csv')
  expect(await csv.text()).toBe('a,b\n1,2\n')
  expect((await fetch(`${url}/api/things/1`, { method: 'HEAD' })).status).toBe(200)
  expect((await fetch(`${url}/api/stream`, { method: 'HEAD' })).status).toBe(405)
})

test('stopping ends event streams with a hint to reconnect, lets waits finish, and then is closed', async () => {
  const { url, app } = await start()
  const stream = await fetch(`${url}/api/stream`, { headers: { origin: 'http://localhost:1' } })
  expect(Object.fromEntries(stream.headers)).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
    'access-control-allow-origin': 'http://localhost:1',
  })
  const waiting = ask(`${url}/api/wait`)
  const text = stream.text()
  await until('the wait has begun', async () => waits.begun > 0)
  await app.close()
  expect(await text).toBe(
    'retry: 1000\n\nid: 1\ndata: {"state":"PENDING"}\n\n' +
      'retry: 1000\nevent: error\ndata: {"code":"UNAVAILABLE","retry":true}\n\n',
  )
  expect((await waiting).body).toEqual({ aborted: true })
  await expect(fetch(`${url}/health`)).rejects.toThrow('fetch failed')
})

test('a stream that is asked for while the server stops ends at once with the same hint', async () => {
  const gate = Promise.withResolvers<void>()
  let begun = false
  const slow = defineRoute({
    ...common,
    method: 'GET',
    path: '/api/slow',
    summary: 'Opens a stream when the server is about to stop',
    response: { 200: { description: 'events', content: { 'text/event-stream': 'file' } } },
    endless: true,
    handle: async ({ openSse }) => {
      begun = true
      await gate.promise
      openSse().send({ data: 1 })
      return taken
    },
  })
  const { url, app } = await start({}, { routes: [slow] })
  const text = fetch(`${url}/api/slow`).then((response) => response.text())
  await until('it is asked for', async () => begun)
  const closed = app.close()
  await until('it stops', async () => !app.server.listening)
  gate.resolve()
  expect(await text).toContain('event: error\ndata: {"code":"UNAVAILABLE","retry":true}\n\n')
  await closed
})

test('a stream whose handler fails after it began is cut, and the server keeps serving', async () => {
  const broken = defineRoute({
    ...common,
    method: 'GET',
    path: '/api/broken',
    summary: 'Breaks',
    response: { 200: { description: 'events', content: { 'text/event-stream': 'file' } } },
    endless: true,
    handle: async ({ openSse }) => {
      openSse().send({ data: 1 })
      throw new Error('broken on purpose')
    },
  })
  const { url, lines } = await start({}, { routes: [broken] })
  const text = fetch(`${url}/api/broken`).then((response) => response.text())
  await expect(text).rejects.toThrow(/terminated|fetch failed/)
  expect(lines.join('')).toContain('broken on purpose')
  expect((await fetch(`${url}/health`)).status).toBe(200)
})
