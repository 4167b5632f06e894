import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTcp, type AddressInfo, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { freshDatabase } from '../../test/harness/database.ts'
import { until } from '../../test/harness/wait.ts'
import { openOutbound, type Outbound, type OutboundOptions } from './outbound.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

function open(options: Partial<OutboundOptions> = {}): Outbound {
  const outbound = openOutbound({ production: false, allow_loopback: true, ...options })
  closers.push(() => outbound.close())
  return outbound
}

async function serve(listener: RequestListener): Promise<{ url: string; port: number; server: Server }> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => (server.closeAllConnections(), server.close()))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, port, server }
}

/** A peer that speaks bytes: what it does with each connection is the test. */
async function tcp(talk: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createTcp((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    talk(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    sockets.forEach((socket) => socket.destroy())
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const get = (url: string, more: object = {}): Parameters<Outbound['request']>[0] => ({
  method: 'GET',
  url,
  guard: 'none',
  timeout_ms: 5_000,
  ...more,
})

test('an answer has its status, headers and bytes, whatever the status', async () => {
  const { url } = await serve((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => {
      response.writeHead(418, { 'x-thing': 'yes' }).write(`${request.method} ${request.url} `)
      response.end(`${String(request.headers['x-mine'])} ${body}`)
    })
  })
  const call = { method: 'POST', headers: { 'x-mine': 'h' }, body: 'é' }
  const answer = await open().request(get(`${url}/a?b=1`, call))
  expect(answer).toMatchObject({ kind: 'answer', status: 418, headers: { 'x-thing': 'yes' } })
  expect(answer.kind === 'answer' && answer.body.toString()).toBe('POST /a?b=1 h é')
})

test('a redirect is an answer: it is not followed', async () => {
  let hits = 0
  const target = await serve((_request, response) => void (hits++, response.end()))
  const { url } = await serve((_request, response) => response.writeHead(302, { location: target.url }).end())
  expect(await open().request(get(url))).toMatchObject({ kind: 'answer', status: 302 })
  expect(hits).toBe(0)
})

test('no connection is unsent: refused, unknown name, no answer to the handshake', async () => {
  const { url, server } = await serve(() => undefined)
  server.close()
  await once(server, 'close')
  const outbound = open({ connect_timeout_ms: 300 })
  expect(await outbound.request(get(url))).toMatchObject({
    kind: 'unsent',
    because: expect.stringContaining('ECONNREFUSED'),
  })
  expect(await outbound.request(get('http://nothing.invalid/'))).toMatchObject({ kind: 'unsent' })
  const silent = await tcp(() => undefined) // TLS handshake that is never answered
  expect(await outbound.request(get(silent.replace('http', 'https')))).toMatchObject({ kind: 'unsent' })
})

test.each([
  ['a reset', (socket: Socket) => socket.once('data', () => socket.resetAndDestroy())],
  ['a close without an answer', (socket: Socket) => socket.once('data', () => socket.end())],
  ['silence', (socket: Socket) => socket.once('data', () => undefined)],
  ['half a head', (socket: Socket) => socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nconte'))],
  [
    'a body that stops',
    (socket: Socket) =>
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab')),
  ],
  [
    'a body that is cut',
    (socket: Socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab')),
  ],
  ['bytes that are not HTTP', (socket: Socket) => socket.once('data', () => socket.end('whatever\r\n\r\n'))],
])('%s after the request left is unknown', async (_case, talk) => {
  const url = await tcp(talk)
  const answer = await open().request(get(url, { method: 'POST', body: '{}', timeout_ms: 400 }))
  expect(answer).toMatchObject({ kind: 'unknown' })
})

test('an answer above the limit is cut, and unknown', async () => {
  const { url } = await serve((_request, response) => response.end(Buffer.alloc(300_000)))
  const answer = await open().request(get(url, { max_bytes: 100_000 }))
  expect(answer).toEqual({ kind: 'unknown', because: 'the answer is longer than 100000 bytes' })
})

test('a kept connection that the other side closes under a request gives unknown, and sends it once', async () => {
  let requests = 0
  const url = await tcp((socket) =>
    socket.on('data', () => {
      requests++
      if (requests === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
      else socket.destroy()
    }),
  )
  const pool = open().pool(url, { connections: 1, keep_alive_ms: 60_000 })
  expect(await pool.request({ method: 'POST', path: '/1', body: 'a' })).toMatchObject({ kind: 'answer' })
  expect(await pool.request({ method: 'POST', path: '/2', body: 'b' })).toMatchObject({ kind: 'unknown' })
  expect(requests).toBe(2)
})

test('a call that waited in the queue until its time-out is unsent, and never leaves', async () => {
  const paths: (string | undefined)[] = []
  let release = (): void => undefined
  const { url } = await serve((request, response) => {
    paths.push(request.url)
    release = () => void response.end()
  })
  const pool = open().pool(url, { connections: 1 })
  const first = pool.request({ method: 'POST', path: '/first', timeout_ms: 10_000 })
  await until('the first call has arrived', async () => paths.length === 1)
  const queued = await pool.request({ method: 'POST', path: '/queued', timeout_ms: 50 })
  expect(queued).toMatchObject({ kind: 'unsent' })
  release()
  expect(await first).toMatchObject({ kind: 'answer', status: 200 })
  const last = pool.request({ method: 'POST', path: '/last', timeout_ms: 10_000 })
  await until('the last call has arrived', async () => paths.includes('/last'))
  release()
  await last
  expect(paths).toEqual(['/first', '/last'])
})

test('a list of headers made once serves many calls on few sockets', async () => {
  const ports = new Set<number | undefined>()
  const { url } = await serve((request, response) => {
    ports.add(request.socket.remotePort)
    response.end(request.headers['x-key'])
  })
  const pool = open().pool(url, { connections: 4 })
  const headers = ['x-key', 'k', 'content-type', 'application/json']
  const answers = await Promise.all(
    Array.from({ length: 200 }, () => pool.request({ method: 'POST', path: '/', headers, body: '{}' })),
  )
  expect(answers.every((a) => a.kind === 'answer' && a.body.toString() === 'k')).toBe(true)
  expect(ports.size).toBeLessThanOrEqual(4)
  await pool.close()
})

test('a large pool has as many calls under way as sockets, also after all of them were cut, and no more', async () => {
  const waiting: { end: () => void; cut: () => void }[] = []
  let sockets = 0
  const { url, server } = await serve((request, response) => {
    request.resume()
    waiting.push({ end: () => response.end('ok'), cut: () => request.socket.destroy() })
  })
  server.on('connection', () => sockets++)
  server.keepAliveTimeout = 120_000
  const pool = open().pool(url, { connections: 100, keep_alive_ms: 60_000 })
  const call = (): ReturnType<typeof pool.request> =>
    pool.request({ method: 'POST', path: '/', body: '{}', timeout_ms: 20_000 })
  for (const how of ['end', 'cut', 'end'] as const) {
    const calls = Array.from({ length: 100 }, call)
    await until('all are under way at once', async () => waiting.length === 100)
    const above = [call(), call()]
    for (const one of waiting.splice(0)) one[how]()
    const kinds = new Set((await Promise.all(calls)).map(({ kind }) => kind))
    expect([...kinds]).toEqual([how === 'end' ? 'answer' : 'unknown'])
    await until('those above it had to wait', async () => waiting.length === 2)
    for (const one of waiting.splice(0)) one.end()
    expect((await Promise.all(above)).map(({ kind }) => kind)).toEqual(['answer', 'answer'])
  }
  expect(sockets).toBeLessThanOrEqual(202)
  sockets = 0
  for (let i = 0; i < 5; i++) {
    const one = call()
    await until('it is there', async () => waiting.length === 1)
    waiting.shift()?.end()
    await one
  }
  expect(sockets).toBe(0)
})

test('a call inside a database transaction is refused as a bug', async () => {
  const { db } = await freshDatabase()
  const outbound = open()
  await expect(db.tx(() => outbound.request(get('http://127.0.0.1:9/')))).rejects.toThrow(
    'inside a database transaction',
  )
  const pool = outbound.pool('http://127.0.0.1:9')
  await expect(db.tx(async () => pool.request({ method: 'GET', path: '/' }))).rejects.toThrow(
    'inside a database transaction',
  )
})

test('a header that cannot exist is a bug, not an outcome', async () => {
  await expect(open().request(get('http://127.0.0.1:9/', { headers: { 'x y': '1' } }))).rejects.toThrow(
    'header',
  )
})

test('guarded: private addresses, literal or resolved, are never connected to', async () => {
  let hits = 0
  const { port } = await serve((_request, response) => void (hits++, response.end()))
  const outbound = open({
    allow_loopback: false,
    resolve: async (name) =>
      name === 'mixed.example.com'
        ? [
            { address: '93.184.216.34', family: 4 },
            { address: '127.0.0.1', family: 4 },
          ]
        : [
            {
              address: name.startsWith('six') ? '::ffff:127.0.0.1' : '127.0.0.1',
              family: name.startsWith('six') ? 6 : 4,
            },
          ],
  })
  for (const host of [
    '127.0.0.1',
    'localhost',
    '[::1]',
    '0x7f.1',
    'inside.example.com',
    'mixed.example.com',
    'six.example.com',
  ])
    expect(await outbound.request(get(`http://${host}:${port}/`, { guard: 'public' }))).toMatchObject({
      kind: 'unsent',
      because: expect.stringMatching(/refused by the guard/),
    })
  expect(hits).toBe(0)
})

test('guarded: a DNS answer that flips to a private address after a good one is refused at the connection', async () => {
  let hits = 0
  const { port } = await serve((_request, response) => {
    hits++
    response.writeHead(200, { connection: 'close' }).end()
  })
  // Loopback stands for the public address here, so that no test leaves this machine.
  const dns = await flippingDns('127.0.0.1', '169.254.169.254')
  const resolver = new Resolver({ timeout: 2_000, tries: 1 })
  resolver.setServers([`127.0.0.1:${dns.port}`])
  const outbound = open({
    resolve: async (name) => (await resolver.resolve4(name)).map((address) => ({ address, family: 4 })),
  })
  const kinds: string[] = []
  for (let i = 0; i < 6; i++)
    kinds.push((await outbound.request(get(`http://flip.example.com:${port}/`, { guard: 'public' }))).kind)
  expect(kinds).toEqual(['answer', 'unsent', 'answer', 'unsent', 'answer', 'unsent'])
  expect(dns.asked()).toBe(6) // one resolution for each connection: the checked address is the one connected to
  expect(hits).toBe(3)
})

test('guarded: with loopback allowed, the sandbox’s own services are reached', async () => {
  const { url } = await serve((_request, response) => response.end('hook'))
  expect(await open().request(get(url, { guard: 'public' }))).toMatchObject({ kind: 'answer', status: 200 })
})

/** A DNS server on loopback that answers A queries with each address by turns, without caching (TTL 0). */
async function flippingDns(...addresses: string[]): Promise<{ port: number; asked: () => number }> {
  const socket = createSocket('udp4')
  let asked = 0
  socket.on('message', (query, from) => {
    const address = addresses[asked++ % addresses.length] ?? ''
    const question = query.subarray(12, query.indexOf(0, 12) + 5)
    const head = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0])
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)])
    socket.send(Buffer.concat([head, question, record]), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  closers.push(() => socket.close())
  return { port: socket.address().port, asked: () => asked }
}

test('closing waits for an answer that is near, and not for a peer that stays silent', async () => {
  const near = await serve((_request, response) => void setTimeout(() => response.end('here'), 50))
  const silent = await serve(() => undefined)
  const outbound = open()
  const pool = outbound.pool(silent.url)
  const calls = Promise.all([
    outbound.request(get(near.url)),
    pool.request({ method: 'POST', path: '/', body: '{}', timeout_ms: 60_000 }),
  ])
  await until('both are under way', async () => (await connectionsOf(silent.server)) > 0)
  await outbound.close()
  const [answer, lost] = await calls
  expect(answer).toMatchObject({ kind: 'answer', status: 200 })
  expect(lost).toMatchObject({ kind: 'unknown' })
})

const connectionsOf = (server: Server): Promise<number> =>
  new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))
