import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { openDb, sql } from '../db.ts'
import { troubleOf } from './problem.ts'
import { defineRoute } from './route.ts'
import { ask, common, good, json, raw, start, type Body } from '../../../test/harness/http-server.ts'

test('a refusal says its code, its status, its sentences in the caller’s language and its members', async () => {
  const { url } = await start()
  const fr = await ask(`${url}/api/things/refused`)
  expect(fr.response.status).toBe(409)
  expect(fr.response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
  expect(fr.response.headers.get('content-language')).toBe('fr')
  expect(fr.body).toEqual({
    available: 1,
    needed: 5,
    type: '/docs/errors#INSUFFICIENT_FUNDS',
    title: 'Solde insuffisant',
    status: 409,
    detail: '5 nécessaires',
    code: 'INSUFFICIENT_FUNDS',
    errors: [{ pointer: '/rows/2/amount', detail: 'x', line: 2, column: 'amount' }],
    request_id: fr.response.headers.get('x-request-id'),
  })
  const en = await ask(`${url}/api/things/refused`, {
    headers: { 'accept-language': 'de, en;q=0.8, fr;q=0.5' },
  })
  expect(en.body).toMatchObject({ title: 'Insufficient funds', detail: '5 needed' })
})

test('fields that are not valid are named by JSON pointers, in both languages', async () => {
  const { url } = await start()
  const body = JSON.stringify({ amount: 1.5, note: 'too long' })
  const fr = await ask(`${url}/api/things?limit=900`, { method: 'POST', headers: json, body })
  expect(fr.response.status).toBe(400)
  expect(fr.body['code']).toBe('VALIDATION_FAILED')
  const en = await ask(`${url}/api/things`, {
    method: 'POST',
    headers: { ...json, 'accept-language': 'en' },
    body,
  })
  const pointers = (said: Body): unknown => (said['errors'] as Body[]).map((fault) => fault['pointer'])
  expect(pointers(en.body)).toEqual(['/body/amount', '/body/note'])
  expect(JSON.stringify(en.body)).toContain('expected int')
  expect(JSON.stringify(en.body)).not.toContain('\\u0000')
  const query = await ask(`${url}/api/things?limit=900`, {
    method: 'POST',
    headers: json,
    body: '{"amount":1}',
  })
  expect(pointers(query.body)).toEqual(['/query/limit'])
  expect(JSON.stringify(query.body)).toContain('Trop grand')
})

test('no body at all is answered with the fields that are missing', async () => {
  const { url } = await start()
  const { body } = await ask(`${url}/api/things`, { method: 'POST', headers: good })
  expect(body).toMatchObject({ code: 'VALIDATION_FAILED', errors: [{ pointer: '/body/amount' }] })
})

test.each([
  ['an unknown path', '/api/nothing', {}, 404, 'NOT_FOUND'],
  ['an unknown path with a strange body', '/api/nothing', { method: 'POST', body: 'x' }, 404, 'NOT_FOUND'],
  ['a wrong method', '/api/things/1', { method: 'DELETE' }, 405, 'METHOD_NOT_ALLOWED'],
  ['malformed JSON', '/api/things', { method: 'POST', headers: json, body: '{' }, 400, 'BAD_REQUEST'],
  [
    'a poisoned key',
    '/api/things',
    { method: 'POST', headers: json, body: '{"__proto__":1}' },
    400,
    'BAD_REQUEST',
  ],
  [
    'deep JSON',
    '/api/things',
    { method: 'POST', headers: json, body: `${'['.repeat(60)}${']'.repeat(60)}` },
    400,
    'BAD_REQUEST',
  ],
  [
    'a NUL in a string',
    '/api/things',
    { method: 'POST', headers: json, body: '{"note":"\\u0000"}' },
    400,
    'BAD_REQUEST',
  ],
  ['a NUL in the path', '/api/things/%00', {}, 400, 'BAD_REQUEST'],
  ['a path that is not UTF-8', '/api/things/%ff', {}, 400, 'BAD_REQUEST'],
  [
    'a body above 1 MB',
    '/api/things',
    { method: 'POST', headers: json, body: JSON.stringify('x'.repeat(2e6)) },
    413,
    'TOO_LARGE',
  ],
  [
    'a form where JSON is expected',
    '/api/things',
    { method: 'POST', headers: good, body: new FormData() },
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  [
    'JSON where a form is expected',
    '/api/uploads',
    { method: 'POST', headers: json, body: '{}' },
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  ['a bug', '/api/things/bug', {}, 500, 'INTERNAL'],
  ['a lost commit', '/api/things/commit', {}, 503, 'OUTCOME_UNKNOWN'],
  ['no credentials', '/api/things', { method: 'POST' }, 401, 'AUTHENTICATION_REQUIRED'],
  [
    'wrong credentials',
    '/api/accounts/1/statement',
    { headers: { authorization: 'Bearer bad' } },
    401,
    'AUTHENTICATION_REQUIRED',
  ],
  ['an undeclared refusal, in tests', '/api/things/undeclared', {}, 500, 'INTERNAL'],
] as const)('%s', async (_case, path, init, status, code) => {
  const { url } = await start()
  const { response, body } = await ask(url + path, init as RequestInit)
  expect({ status: response.status, code: body['code'] }).toEqual({ status, code })
  expect(response.headers.get('content-type')).toContain('application/problem+json')
  expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(response.headers.get('x-request-id')).toBe(body['request_id'])
  const allow = status === 405 ? 'GET, HEAD, OPTIONS' : null
  expect(response.headers.get('allow')).toBe(allow)
  expect(response.headers.get('retry-after')).toBe(status === 503 ? '1' : null)
})

test('a bug is logged with its stack and tells the caller nothing', async () => {
  const { url, lines } = await start()
  const { body } = await ask(`${url}/api/things/bug`)
  expect(JSON.stringify(body)).not.toContain('secret of the house')
  expect(lines.find((line) => line.includes('secret of the house'))).toContain('http-server.ts:')
})

test('bytes that are not HTTP get a problem document too', async () => {
  const { url } = await start()
  expect(await raw(url, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [^]*problem\+json[^]*"BAD_REQUEST"/)
})

test('a body that trickles in is cut after its limit, and the server keeps serving', async () => {
  const { url } = await start({}, { body_timeout_ms: 200 })
  const head = 'POST /api/things HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer good\r\n'
  const text = await raw(url, [`${head}content-type: application/json\r\ncontent-length: 50\r\n\r\n`, '{"am'])
  expect(text).toMatch(/^HTTP\/1\.1 408 [^]*"REQUEST_TOO_SLOW"/)
  expect((await ask(`${url}/health`)).response.status).toBe(200)
})

test('a statement that the database cancels is 503 UNAVAILABLE', async () => {
  const slow = defineRoute({
    ...common,
    method: 'GET',
    path: '/api/slow',
    summary: 'Too slow',
    response: { 200: z.object({}) },
    handle: async ({ ctx }) => {
      await ctx.db.tx(async (tx) => {
        await tx.run(sql`set local statement_timeout = 50`)
        await tx.run(sql`select pg_sleep(5)`)
      })
      return { status: 200, body: {} }
    },
  })
  const { url } = await start({}, { routes: [slow] })
  const { response, body } = await ask(`${url}/api/slow`)
  expect([response.status, body['code']]).toEqual([503, 'UNAVAILABLE'])
})

test('a database whose connections are reset as soon as they are made is 503 UNAVAILABLE, and no bug', async () => {
  const server = createServer((socket) => void socket.resetAndDestroy())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const db = openDb({ url: `postgres://cauri:x@127.0.0.1:${address.port}/cauri` })
  onTestFinished(() => db.end())
  const error: unknown = await db.run(sql`select`).catch((cause: unknown) => cause)
  expect(troubleOf(error, 'en')).toMatchObject({ refusal: { code: 'UNAVAILABLE' }, bug: false })
})
