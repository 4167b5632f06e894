import { expect, test } from 'vitest'
import { ask, good, json, production, raw, start } from '../../../test/harness/http-server.ts'

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
