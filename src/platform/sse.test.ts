import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import Fastify from 'fastify'
import { afterEach, expect, test } from 'vitest'
import { until } from '../../test/harness/wait.ts'
import { openSseStreams, type SseStream, type SseStreams } from './sse.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

type Open = { streams: SseStreams; opened: SseStream[]; port: number }

async function serve(heartbeat_ms = 15_000): Promise<Open> {
  const streams = openSseStreams({ heartbeat_ms })
  const opened: SseStream[] = []
  const app = Fastify({ forceCloseConnections: true })
  app.get('/', (_request, reply) => void opened.push(streams.open(reply)))
  await app.listen({ host: '127.0.0.1', port: 0 })
  closers.push(
    () => app.close(),
    () => streams.close(),
  )
  return { streams, opened, port: (app.server.address() as AddressInfo).port }
}

/** A client of which the test decides when it reads. */
async function client(port: number): Promise<{ socket: Socket; text: () => string }> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  closers.push(() => socket.destroy())
  await once(socket, 'connect')
  let text = ''
  socket.on('data', (chunk) => (text += String(chunk)))
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
  return { socket, text: () => text }
}

const first = (opened: SseStream[]): Promise<SseStream> =>
  until('the stream is open', async () => opened[0] ?? false)

test('events carry their name, id and JSON on one line each', async () => {
  const { opened, port } = await serve()
  const { text } = await client(port)
  const stream = await first(opened)
  stream.send({ data: { a: 'line\nend' } })
  stream.progress({ event: 'tick', id: '7', data: 1 })
  stream.end({ event: 'done', data: { state: 'COMPLETED' } })
  await until('the end', async () => text().includes('event: done'))
  expect(text()).toContain('data: {"a":"line\\nend"}\n\n')
  expect(text()).toContain('event: tick\nid: 7\ndata: 1\n\n')
  expect(text()).toContain('retry: 1000\nevent: done\ndata: {"state":"COMPLETED"}\n\n')
  stream.send({ data: 'after the end' })
  expect(stream.isOpen()).toBe(false)
})

test('a silent stream gets comments', async () => {
  const { port } = await serve(60)
  const { text } = await client(port)
  await until('three comments', async () => text().split('\n: \n').length > 3)
})

test('for a client that does not read, only the newest state waits', async () => {
  const { opened, port } = await serve()
  const { socket, text } = await client(port)
  const stream = await first(opened)
  socket.pause()
  const filler = 'x'.repeat(10_000)
  for (let n = 1; n <= 2_000; n++) {
    stream.progress({ data: { n, filler } })
    if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  expect(stream.isOpen()).toBe(true)
  socket.resume()
  await until('the newest state', async () => text().includes('"n":2000,'))
  expect(text().split('data: ').length).toBeLessThan(1_500)
})

test('a client that lets a megabyte of events wait is cut', async () => {
  const { streams, opened, port } = await serve()
  const { socket } = await client(port)
  const stream = await first(opened)
  socket.pause()
  for (let n = 0; n < 3_000 && stream.isOpen(); n++) {
    stream.send({ data: 'x'.repeat(10_000) })
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until('it is closed', async () => !stream.isOpen())
  expect(streams.count()).toBe(0)
})

test('a client that leaves is noticed, once', async () => {
  const { streams, opened, port } = await serve()
  const { socket } = await client(port)
  const stream = await first(opened)
  let closed = 0
  stream.onClose(() => void closed++)
  expect(streams.count()).toBe(1)
  socket.destroy()
  await until('it is noticed', async () => closed === 1)
  expect([streams.count(), stream.isOpen()]).toEqual([0, false])
  stream.onClose(() => void closed++)
  expect(closed).toBe(2)
})
