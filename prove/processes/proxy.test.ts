import { createServer, connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { CommitUnknown, openDb, sql } from '../../src/platform/db.ts'
import { sha256 } from '../../src/platform/ids.ts'
import { freshDatabase } from '../../test/harness/database.ts'
import { listen } from '../../test/harness/listen.ts'
import { seeded } from '../../test/harness/seed.ts'
import { withPort } from '../../test/harness/tcp-proxy.ts'
import { until } from '../../test/harness/wait.ts'
import { openProxy, type Fate, type Proxy } from './proxy.ts'

/** A server that sends back what it gets, and keeps what it got. */
async function openEcho(): Promise<{
  readonly port: number
  readonly got: () => string
  readonly closed: () => number
}> {
  let got = ''
  let closed = 0
  const server = createServer((socket) => {
    socket.on('data', (chunk: Buffer) => {
      got += chunk.toString()
      socket.write(chunk)
    })
    socket.on('error', () => undefined)
    socket.on('close', () => (closed += 1))
  })
  const port = await listen(server)
  onTestFinished(() => void server.close())
  return { port, got: () => got, closed: () => closed }
}

type Client = { readonly socket: Socket; readonly got: () => string; readonly error: () => string }

function openClient(port: number): Client {
  const socket = connect(port, '127.0.0.1')
  let got = ''
  let error = ''
  socket.on('data', (chunk: Buffer) => void (got += chunk.toString()))
  socket.on('error', (cause: NodeJS.ErrnoException) => void (error = cause.code ?? cause.message))
  onTestFinished(() => void socket.destroy())
  return { socket, got: () => got, error: () => error }
}

async function openBefore(port: number, fate?: Fate): Promise<Proxy> {
  const proxy = await openProxy(() => `tcp://127.0.0.1:${port}`, seeded('proxy').random)
  onTestFinished(() => proxy.close())
  proxy.setWeather(fate && (() => fate))
  return proxy
}

test('a quiet link passes everything on, and ends when one end does', async () => {
  const echo = await openEcho()
  const proxy = await openBefore(echo.port)
  const client = openClient(proxy.port)
  client.socket.write('one ')
  client.socket.end('two')
  await until('all is back', async () => client.got() === 'one two')
  await until('the server’s end is closed', async () => echo.closed() === 1)
  await until('nothing is left', async () => proxy.connections() === 0)
  expect(Object.values(proxy.injected()).every((n) => n === 0)).toBe(true)
})

test('latency, jitter and slices change when and how bytes come, never which', async () => {
  const echo = await openEcho()
  const proxy = await openBefore(echo.port, { latency_ms: 5, jitter_ms: 30, slice_bytes: 3 })
  const client = openClient(proxy.port)
  const text = Array.from({ length: 200 }, (_, i) => `line ${i}\n`)
  for (const line of text) client.socket.write(line)
  client.socket.end()
  await until('all is back', async () => client.got() === text.join(''))
  expect(proxy.injected()).toMatchObject({ 'link slow': 1, 'link sliced': 1 })
})

test('a link is reset after its time, and another is cut in the middle of an answer', async () => {
  const echo = await openEcho()
  const proxy = await openBefore(echo.port, { reset_after_ms: 30 })
  const reset = openClient(proxy.port)
  await until('it is reset', async () => reset.error() === 'ECONNRESET')
  proxy.setWeather(() => ({ cut_after_bytes: 10 }))
  const cut = openClient(proxy.port)
  cut.socket.write('123456')
  await until('the first answer is there', async () => cut.got() === '123456')
  cut.socket.write('789abcdef')
  await until('it is cut', async () => cut.error() === 'ECONNRESET')
  // The server took what its answer did not bring back.
  expect([echo.got(), cut.got()]).toEqual(['123456789abcdef', '123456'])
  expect(proxy.injected()).toMatchObject({ 'link reset': 1, 'link cut in an answer': 1 })
})

test('of a stalled link neither end hears that the other has gone, until it is over', async () => {
  const echo = await openEcho()
  const proxy = await openBefore(echo.port, { stall_after_ms: 50, lingers_ms: 700 })
  const client = openClient(proxy.port)
  client.socket.write('before')
  await until('the link works', async () => client.got() === 'before')
  await until('it stalls', async () => proxy.injected()['link stalled half-open'] === 1)
  client.socket.write('after')
  client.socket.destroy()
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect([echo.got(), echo.closed()]).toEqual(['before', 0])
  await until('the server hears of it', async () => echo.closed() === 1)
})

test('while it is down connections are refused and those that were there are gone', async () => {
  const echo = await openEcho()
  const proxy = await openBefore(echo.port)
  const old = openClient(proxy.port)
  old.socket.write('x')
  await until('the link works', async () => old.got() === 'x')
  proxy.setDown(true)
  await until('the old one is gone', async () => old.error() === 'ECONNRESET')
  const fresh = openClient(proxy.port)
  await until('a new one is refused', async () => fresh.error() === 'ECONNRESET')
  proxy.setDown(false)
  const again = openClient(proxy.port)
  again.socket.write('y')
  await until('it is up again', async () => again.got() === 'y')
  expect(proxy.injected()['link refused']).toBe(1)
})

test('the reply to the second COMMIT is lost: the server has committed, and the client cannot know', async () => {
  const { url, db } = await freshDatabase()
  const proxy = await openBefore(Number(new URL(url).port), { lose_commit: 2 })
  const lossy = openDb({ url: withPort(url, proxy.port), max: 1 })
  onTestFinished(() => lossy.end())
  const insert = (key: string): Promise<number> =>
    lossy.tx((tx) =>
      tx.run(sql`
        insert into platform_idempotency (scope, key, fingerprint, token, lease_until)
        values ('proxy', ${key}, ${sha256(key)}, gen_random_uuid(), clock_timestamp())`),
    )
  await insert('first')
  await expect(insert('second')).rejects.toThrow(CommitUnknown)
  const kept = await db.many<{ key: string }>(
    sql`select key from platform_idempotency where scope = 'proxy' order by key`,
  )
  expect(kept).toEqual([{ key: 'first' }, { key: 'second' }])
  expect(proxy.injected()['reply to COMMIT lost']).toBe(1)
})
