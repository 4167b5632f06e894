import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { standardCsv } from '../harness/multipart.ts'
import { openServer, PAYER, type TestServer } from '../harness/server.ts'
import { tracesOf } from '../harness/traces.ts'

let server: TestServer
beforeAll(async () => {
  server = await openServer({
    worker: false,
    env: {
      CAURI_MODE: 'production',
      DATABASE_URL: 'postgres://unused', // the harness opens its own
      PUBLIC_URL: 'https://cauri.example',
      SECRET_KEY: 'x'.repeat(40),
      FIELD_ENCRYPTION_KEY: 'y'.repeat(40),
    },
  })
})
afterAll(() => server.stop())

/** What answers a stranger without a body, and how. Without a worker the process is not ready, and says so to anyone who asks. */
const OPEN: Readonly<Record<string, number>> = {
  'GET /health': 200,
  'GET /api/core/health': 200,
  'GET /ready': 503,
  'GET /.well-known/jwks.json': 200,
  'GET /api/auth/jwks': 200,
  'POST /api/auth/register': 400,
  'POST /api/auth/login': 400,
  'POST /api/auth/session': 400,
  // Of a provider, who signs what he says.
  'POST /api/auth/kyc/webhook/smile-id': 403,
  'POST /api/auth/token/refresh': 400,
  'POST /api/auth/password-reset/request': 400,
  'POST /api/auth/password-reset/confirm': 400,
}

test('in production every route but health, readiness, sign-in and the documents wants to know who asks', async () => {
  const document = (await server.call('GET', '/openapi.json')).body
  const routes = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => [method.toUpperCase(), path] as const),
  )
  expect(routes.length).toBeGreaterThan(15)
  const before = await tracesOf(server.db)
  for (const [method, path] of routes) {
    const url = path.replaceAll(/\{[^}]+\}/g, 'bulk-1')
    const { status, body, headers } = await server.call(method, url)
    const open = OPEN[`${method} ${path}`]
    if (open !== undefined) expect([path, status]).toEqual([path, open])
    else
      expect([method, path, status, body.code, headers.get('www-authenticate')]).toEqual([
        method,
        path,
        401,
        'AUTHENTICATION_REQUIRED',
        'Bearer',
      ])
  }
  for (const path of ['/swagger/', '/openapi.json']) expect((await server.call('GET', path)).status).toBe(200)
  for (const [method, path] of [
    ['GET', '/api/nothing'],
    ['DELETE', '/api/bulk-transfers'],
    ['GET', '/_sim/paid'],
  ] as const)
    expect((await server.call(method, path)).status).toBe(401)
  for (const authorization of ['Bearer x', 'Basic YTpi', 'x'])
    expect((await server.call('GET', '/api/accounts', undefined, { authorization })).status).toBe(401)
  expect(await tracesOf(server.db)).toEqual(before)
})

test('an upload is refused before its body is read', async () => {
  const answer = await server.upload(standardCsv(2), { payer_account: PAYER })
  expect(answer.status).toBe(401)
  const said = await new Promise<string>((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1')
    socket
      .setEncoding('utf8')
      .on('error', reject)
      .once('data', (text: string) => {
        socket.destroy()
        resolve(text)
      })
    socket.write(
      'POST /api/bulk-transfers HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000000\r\n' +
        'content-type: multipart/form-data; boundary=x\r\n\r\n',
    )
  })
  expect(said).toMatch(/^HTTP\/1\.1 401 /)
  expect(await server.spooled()).toEqual([])
})
