import { connect } from 'node:net'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { freshDatabase } from '../../../test/harness/database.ts'
import { until } from '../../../test/harness/wait.ts'
import { readConfig } from '../config.ts'
import type { Actor, Ctx } from '../context.ts'
import { CommitUnknown, sql, type Db } from '../db.ts'
import { Refusal } from '../errors.ts'
import { openLog } from '../log.ts'
import { strictMode } from './problem.ts'
import { defineRoute, taken, type Route } from './route.ts'
import { isTrustedSandboxCall } from './sandbox-trust.ts'
import { buildServer, type ServerOptions } from './server.ts'

const one = z.object({ id: z.string() })
const common = { tags: ['test'], access: 'open', refusals: [] } as const

const routes = (): readonly Route[] => [
  defineRoute({
    ...common,
    method: 'POST',
    path: '/api/things',
    summary: 'Makes a thing',
    access: 'organization',
    query: z.object({ limit: z.coerce.number().int().max(200).optional() }),
    body: z.object({ amount: z.int().positive(), note: z.string().max(5).optional() }),
    response: { 201: z.object({ amount: z.int(), by: z.string() }) },
    handle: async ({ body, actor }) => ({
      status: 201,
      body: { amount: body.amount, by: actor.kind === 'organization' ? actor.name : '' },
      headers: { location: '/api/things/1' },
    }),
  }),
  defineRoute({
    ...common,
    method: 'GET',
    path: '/api/things/:id',
    summary: 'Reads a thing',
    params: one,
    response: { 200: one, 404: one },
    refusals: ['BULK_NOT_FOUND', 'INSUFFICIENT_FUNDS'],
    handle: async ({ params }) => fail(params.id) ?? { status: 200, body: params },
  }),
  defineRoute({
    ...common,
    method: 'GET',
    path: '/api/accounts/:id/statement',
    summary: 'CSV or JSON',
    access: 'organization',
    response: { 200: { description: 'rows', content: { 'text/csv': 'file' } } },
    handle: async () => ({ status: 200, body: Readable.from(['a,b\n', '1,2\n']) }),
  }),
  defineRoute({
    ...common,
    method: 'POST',
    path: '/api/uploads',
    summary: 'Counts the bytes of a file',
    access: 'organization',
    body: 'stream',
    form: { required: ['file'], properties: { file: { type: 'string', format: 'binary' } } },
    response: { 201: z.object({ bytes: z.int() }) },
    refusals: ['FILE_TOO_LARGE'],
    handle: async ({ request }) => {
      let bytes = 0
      for await (const part of request.parts()) {
        if (part.type !== 'file') continue
        for await (const chunk of part.file) {
          bytes += Buffer.isBuffer(chunk) ? chunk.length : 0
          if (bytes > 3_000_000) throw new Refusal('FILE_TOO_LARGE')
        }
      }
      return { status: 201, body: { bytes } }
    },
  }),
  defineRoute({
    ...common,
    method: 'GET',
    path: '/api/stream',
    summary: 'Events until the end',
    response: { 200: { description: 'events', content: { 'text/event-stream': 'file' } } },
    endless: true,
    handle: async ({ openSse }) => {
      openSse().send({ data: { state: 'PENDING' }, id: '1' })
      return taken
    },
  }),
  defineRoute({
    ...common,
    method: 'GET',
    path: '/api/wait',
    summary: 'Waits until the server stops or the client leaves',
    response: { 200: z.object({ aborted: z.boolean() }) },
    handle: async ({ signal }) => {
      waits += 1
      if (!signal.aborted) await once(signal, 'abort')
      return { status: 200, body: { aborted: signal.aborted } }
    },
  }),
]

function fail(id: string): undefined {
  if (id === 'bug') throw new TypeError('secret of the house')
  if (id === 'commit') throw new CommitUnknown(new Error('gone'))
  if (id === 'refused')
    throw new Refusal('INSUFFICIENT_FUNDS', {
      detail: { en: '5 needed', fr: '5 nécessaires' },
      members: { available: 1, needed: 5 },
      errors: [{ pointer: '/rows/2/amount', detail: 'x', line: 2, column: 'amount' }],
    })
  if (id === 'undeclared') throw new Refusal('SAME_LIST')
  return undefined
}

const authenticate =
  (ctx: Ctx) =>
  async (request: FastifyRequest): Promise<Actor> => {
    if (request.headers.authorization === 'Bearer good' || isTrustedSandboxCall(request, ctx.config))
      return { kind: 'organization', organization_id: 1n, name: 'Caisse' }
    if (request.headers.authorization !== undefined) throw new Refusal('AUTHENTICATION_REQUIRED')
    return { kind: 'anonymous' }
  }

let waits = 0
let db: Db
const open: FastifyInstance[] = []
beforeAll(async () => {
  strictMode.on = true
  db = (await freshDatabase()).db
})
afterAll(async () => {
  for (const app of open) await app.close()
})

async function start(
  env: NodeJS.ProcessEnv = {},
  more: Partial<ServerOptions> = {},
): Promise<{ url: string; app: FastifyInstance; lines: string[] }> {
  const lines: string[] = []
  const log = openLog('info', { write: (line) => void lines.push(line) })
  const ctx: Ctx = { db, log, config: readConfig(env) }
  const app = await buildServer({ ctx, routes: routes(), authenticate: authenticate(ctx), ...more })
  open.push(app)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return { url, app, lines }
}

const production = {
  CAURI_MODE: 'production',
  DATABASE_URL: 'postgres://x',
  PUBLIC_URL: 'https://pay.example',
  SECRET_KEY: 's'.repeat(32),
  FIELD_ENCRYPTION_KEY: 'f'.repeat(32),
}
const good = { authorization: 'Bearer good' }
const json = { ...good, 'content-type': 'application/json' }

type Body = Record<string, unknown>
async function ask(url: string, init: RequestInit = {}): Promise<{ response: Response; body: Body }> {
  const response = await fetch(url, init)
  return { response, body: (await response.json()) as Body }
}

/** Sends bytes as they are and reads until the server closes or `until` matches. */
async function raw(url: string, bytes: string | string[], ends = /\r\n\r\n[^]*\}/): Promise<string> {
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  await once(socket, 'connect')
  for (const part of [bytes].flat()) socket.write(part)
  let text = ''
  socket.setTimeout(15_000, () => socket.destroy())
  for await (const chunk of socket) {
    text += String(chunk)
    if (ends.test(text)) break
  }
  socket.destroy()
  return text
}

describe('problem documents', () => {
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
    expect(lines.find((line) => line.includes('secret of the house'))).toContain('server.test.ts')
  })

  test('bytes that are not HTTP get a problem document too', async () => {
    const { url } = await start()
    expect(await raw(url, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [^]*problem\+json[^]*"BAD_REQUEST"/)
  })

  test('a body that trickles in is cut after its limit, and the server keeps serving', async () => {
    const { url } = await start({}, { body_timeout_ms: 200 })
    const head = 'POST /api/things HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer good\r\n'
    const text = await raw(url, [
      `${head}content-type: application/json\r\ncontent-length: 50\r\n\r\n`,
      '{"am',
    ])
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
})

describe('the edge', () => {
  test('paths work with and without a trailing slash', async () => {
    const { url } = await start()
    for (const path of ['/health', '/health/', '/api/core/health/', '/api/core/health', '/api/things/7/'])
      expect((await fetch(url + path)).status).toBe(200)
  })

  test('a sane request id is kept, a strange one replaced', async () => {
    const { url, lines } = await start()
    const kept = await fetch(`${url}/health`, { headers: { 'x-request-id': 'trace-me-123' } })
    expect(kept.headers.get('x-request-id')).toBe('trace-me-123')
    const made = await fetch(`${url}/api/things/1`, { headers: { 'x-request-id': 'a b"c' } })
    expect(made.headers.get('x-request-id')).toMatch(/^req-[0-9a-z]{26}$/)
    expect(lines.join('')).toContain(made.headers.get('x-request-id'))
  })

  test('log lines mask numbers and never hold a body', async () => {
    const { url, lines } = await start()
    await fetch(`${url}/api/things/22890123456?phone=22890123456`)
    await fetch(`${url}/api/things`, { method: 'POST', headers: json, body: '{"amount":1,"note":"privé"}' })
    expect(lines.length).toBeGreaterThanOrEqual(2)
    expect(lines.join('')).not.toMatch(/22890123456|privé/)
    expect(lines.join('')).toContain('"path":"/api/things/2289••••3456"')
  })

  test('CORS: a page of this machine may call in sandbox, another may not', async () => {
    const { url } = await start()
    const preflight = (origin: string): Promise<Response> =>
      fetch(`${url}/api/things`, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'idempotency-key',
        },
      })
    const local = await preflight('http://localhost:5173')
    expect(local.headers.get('access-control-allow-origin')).toBe('http://localhost:5173')
    expect(local.headers.get('access-control-allow-headers')).toContain('Idempotency-Key')
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull()
    const got = await fetch(`${url}/api/things/1`, { headers: { origin: 'http://127.0.0.1:3000' } })
    expect(got.headers.get('access-control-expose-headers')).toContain('Idempotency-Replayed')
  })

  test('production: CORS_ORIGINS only, HSTS, and a stranger gets 401 everywhere but health and documents', async () => {
    const { url } = await start({ ...production, CORS_ORIGINS: 'https://app.example' })
    const from = async (origin: string): Promise<string | null> =>
      (await fetch(`${url}/health`, { headers: { origin } })).headers.get('access-control-allow-origin')
    expect(await from('https://app.example')).toBe('https://app.example')
    expect(await from('http://localhost:3000')).toBeNull()
    for (const path of ['/api/nothing', '/api/accounts/ACC-1/statement', '/api/uploads'])
      expect((await fetch(url + path)).status).toBe(401)
    for (const path of ['/health', '/ready', '/openapi.json', '/swagger/'])
      expect((await fetch(url + path)).status).toBe(200)
    const { response, body } = await ask(`${url}/api/nothing`, { headers: good })
    expect([response.status, body['type']]).toEqual([404, 'https://pay.example/docs/errors#NOT_FOUND'])
    expect(response.headers.get('strict-transport-security')).toContain('includeSubDomains')
  })

  test('only the Host names of ALLOWED_HOSTS are served', async () => {
    const { url } = await start({ ALLOWED_HOSTS: '127.0.0.1, .pay.example' })
    const get = (host: string): Promise<string> =>
      raw(url, `GET /api/things/1 HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
    expect(await get('api.pay.example:8000')).toContain('HTTP/1.1 200')
    expect(await get('127.0.0.1')).toContain('HTTP/1.1 200')
    expect(await get('evilpay.example')).toContain('HOST_NOT_ALLOWED')
    expect(await get('pay.example.evil')).toContain('HOST_NOT_ALLOWED')
    expect(await get('a@b')).toContain('HOST_NOT_ALLOWED')
  })

  test('ready names what does not answer', async () => {
    const ready = { database: async () => true as const, worker: async () => 'no heartbeat' }
    const { url } = await start({}, { ready })
    const { response, body } = await ask(`${url}/ready`)
    expect(response.status).toBe(503)
    expect(body).toMatchObject({ code: 'UNAVAILABLE', checks: { database: 'ok', worker: 'no heartbeat' } })
  })

  test('metrics count by route pattern, and are not for the outside in production', async () => {
    const { url } = await start()
    await fetch(`${url}/api/things/1`)
    await fetch(`${url}/api/things/2`)
    const text = await (await fetch(`${url}/metrics`)).text()
    expect(text).toContain('cauri_http_requests_total{method="GET",route="/api/things/:id",status="200"} 2')
    const shut = await start(production)
    const forwarded = { headers: { 'x-forwarded-for': '1.2.3.4' } }
    expect((await fetch(`${shut.url}/metrics`, forwarded)).status).toBe(404)
    expect((await fetch(`${shut.url}/metrics`)).status).toBe(200)
  })
})

describe('OpenAPI', () => {
  test('the document is made of the same routes: refusals per status, forms, operation ids', async () => {
    const { url } = await start()
    const { body } = await ask(`${url}/openapi.json`)
    expect(body['openapi']).toBe('3.1.0')
    const text = JSON.stringify(body)
    const post = (body['paths'] as Record<string, Record<string, Body>>)['/api/things']?.['post']
    expect(post).toMatchObject({
      operationId: 'postThings',
      security: [{ bearer: [] }],
      responses: { 201: {}, 400: { content: { 'application/problem+json': {} } }, 401: {} },
    })
    expect(text).toContain('INSUFFICIENT_FUNDS: Insufficient funds')
    expect(text).toContain('"multipart/form-data":{"schema":{"type":"object","required":["file"]')
    expect(text).toContain('"text/csv"')
    expect(text).not.toContain('METHOD_NOT_ALLOWED')
  })

  test('Swagger UI is served with and without a slash, under a policy that lets it run', async () => {
    const { url } = await start()
    for (const path of ['/swagger', '/swagger/']) {
      const page = await fetch(url + path)
      expect(page.status).toBe(200)
      expect(page.headers.get('content-security-policy')).toContain("style-src 'self' 'unsafe-inline'")
      const html = await page.text()
      expect(html).not.toMatch(/<script>[^<]/)
      const script = /src="([^"]*initializer\.js)"/.exec(html)?.[1] ?? ''
      expect((await fetch(new URL(script, page.url))).status).toBe(200)
    }
  })
})

describe('streams', () => {
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
    await until('the wait has begun', async () => waits > 0)
    await app.close()
    expect(await text).toBe(
      'retry: 1000\n\nid: 1\ndata: {"state":"PENDING"}\n\n' +
        'retry: 1000\nevent: error\ndata: {"code":"UNAVAILABLE","retry":true}\n\n',
    )
    expect((await waiting).body).toEqual({ aborted: true })
    await expect(fetch(`${url}/health`)).rejects.toThrow('fetch failed')
  })
})
