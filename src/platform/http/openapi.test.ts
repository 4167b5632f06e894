import { expect, test } from 'vitest'
import { ask, start, type Body } from '../../../test/harness/http-server.ts'

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
