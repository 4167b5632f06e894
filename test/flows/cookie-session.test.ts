import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { advanceClock } from '../../src/platform/clock.ts'
import { sql } from '../../src/platform/db.ts'
import { protect, freshCode } from '../harness/otp.ts'
import { BEHIND_PROXY, bearer, DEMO_PHONES, elsewhere, PASSWORD, registerPerson } from '../harness/people.ts'
import { answerOf, openServer, type Answer, type TestServer } from '../harness/server.ts'

/**
 * No X-Forwarded-For here: behind a proxy the sandbox's own machine is not itself. `fetch` sets Sec-Fetch-Mode and nothing of
 * the site, and lets no Origin be set that Node would send itself.
 */
let server: TestServer
let production: TestServer
beforeAll(async () => {
  const limits = {
    login_address: { free: 10_000, longest_s: 1, forgotten_after_s: 1 },
    registrations_per_hour: 1_000,
  }
  server = await openServer({ worker: false, limits })
  production = await openServer({
    worker: false,
    env: {
      ...BEHIND_PROXY,
      CAURI_MODE: 'production',
      DATABASE_URL: 'postgres://unused', // the harness opens its own
      PUBLIC_URL: 'https://cauri.example/app',
      SECRET_KEY: 'x'.repeat(40),
      FIELD_ENCRYPTION_KEY: 'y'.repeat(40),
    },
  })
})
afterAll(async () => {
  await server.stop()
  await production.stop()
})

type Headers = Readonly<Record<string, string>>
const SESSION = '/api/auth/session'
const own = (): string => `http://127.0.0.1:${server.port}`
const newPerson = () => registerPerson(server)

type Browser = { readonly cookie: string; readonly set: string; readonly phone: string }
/** Signs somebody new in as the console does. */
async function browser(of?: { readonly phone: string }, otp?: string): Promise<Browser> {
  const { phone } = of ?? (await newPerson())
  const body = { phone_number: phone, password: PASSWORD, ...(otp && { otp }) }
  const said = await server.call('POST', SESSION, body, { origin: own() })
  if (said.status !== 200) throw new Error(said.text)
  const set = said.headers.get('set-cookie') ?? ''
  return { cookie: set.split(';', 1)[0] ?? '', set, phone }
}
const profile = (headers: Headers): Promise<Answer> =>
  server.call('GET', '/api/auth/profile', undefined, headers)
const isAlive = async ({ cookie }: Pick<Browser, 'cookie'>): Promise<boolean> =>
  (await profile({ cookie })).status === 200
const code = ({ status, body }: Answer): readonly unknown[] => (status < 400 ? [status] : [status, body.code])
const rename = (headers: Headers, on = server): Promise<Answer> =>
  on.call('PATCH', '/api/auth/profile', { first_name: 'Autre' }, headers)

test('a cookie signs a browser in: opaque, out of reach of scripts, kept as a hash', async () => {
  const one = await browser()
  expect(one.set).toMatch(/^cauri=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=604800$/)
  const said = await profile({ cookie: one.cookie })
  expect(said.body.phone_number).toBe(one.phone)
  const secret = one.cookie.slice('cauri='.length)
  const rows = await server.db.many<{ text: string }>(sql`select s::text as text from identity_sessions s`)
  for (const { text } of rows) {
    expect(text).not.toContain(secret)
    expect(text).not.toContain(Buffer.from(secret, 'base64url').toString('hex'))
  }
  const { n } = await server.db.one<{ n: bigint }>(sql`
    select count(*) as n from identity_refresh_tokens t join identity_sessions s on s.id = t.session_id
    where s.cookie_hash is not null`)
  expect(n).toBe(0n)
})

test('in production, and behind a proxy, the cookie has the name that no neighbour can set', async () => {
  const sign = (on: TestServer, headers: Headers) =>
    on.call('POST', SESSION, { phone_number: DEMO_PHONES.BUYER, password: 'TestPassword123!' }, headers)
  const said = await sign(production, elsewhere())
  const set = said.headers.get('set-cookie') ?? ''
  expect(set).toMatch(/^__Host-cauri=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict; Max-Age=\d+$/)
  expect((await sign(server, { 'x-forwarded-proto': 'https' })).headers.get('set-cookie')).toMatch(
    /^__Host-cauri=/,
  )
  const cookie = set.split(';', 1)[0] ?? ''
  const secret = cookie.split('=')[1] ?? ''
  const alive = (headers: Headers) => production.call('GET', '/api/auth/profile', undefined, headers)
  expect((await alive({ cookie })).status).toBe(200)
  // The plain name means nothing here.
  expect(code(await alive({ cookie: `cauri=${secret}` }))).toEqual([401, 'AUTHENTICATION_REQUIRED'])
  const origins: readonly (readonly [string, number])[] = [
    ['https://cauri.example', 200],
    ['http://cauri.example', 403],
    ['https://cauri.example:8443', 403],
    ['https://www.cauri.example', 403],
    [`http://127.0.0.1:${production.port}`, 403],
  ]
  for (const [origin, status] of origins)
    expect([origin, (await rename({ cookie, origin }, production)).status]).toEqual([origin, status])
})

test('what changes something with the cookie must come from a page of ours', async () => {
  const { cookie } = await browser()
  const port = server.port === 65_535 ? server.port - 1 : server.port + 1
  const foreign: readonly Headers[] = [
    {}, // an old browser, or a program: nothing says where it comes from
    { origin: 'null' },
    { origin: 'https://evil.example' },
    { origin: `http://127.0.0.1:${port}` },
    { origin: `https://127.0.0.1:${server.port}` },
    { origin: `http://127.0.0.1:${server.port}.evil.example` },
    { origin: `http://evil.example#http://127.0.0.1:${server.port}` },
    { origin: '' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { origin: own(), 'sec-fetch-site': 'cross-site' },
    { referer: `${own()}/` },
  ]
  const before = (await profile({ cookie })).body.first_name
  for (const headers of foreign)
    expect([headers, ...code(await rename({ cookie, ...headers }))]).toEqual([headers, 403, 'CROSS_SITE'])
  for (const [method, path] of [
    ['POST', '/api/auth/logout'],
    ['DELETE', SESSION],
    ['POST', '/api/auth/stream-ticket'],
    ['POST', '/api/bulk-transfers'],
    ['PUT', '/api/transfers/x'],
  ] as const)
    expect([path, ...code(await server.call(method, path, undefined, { cookie, origin: 'null' }))]).toEqual([
      path,
      403,
      'CROSS_SITE',
    ])
  expect((await profile({ cookie })).body.first_name).toBe(before)
  for (const headers of [
    { origin: own() },
    { origin: `http://localhost:${server.port}` },
    { 'sec-fetch-site': 'same-origin' },
    { origin: own(), 'sec-fetch-site': 'same-origin' },
  ])
    expect((await rename({ cookie, ...headers } as Headers)).status).toBe(200)
  // Reading changes nothing: whoever follows a link may.
  expect((await profile({ cookie, origin: 'https://evil.example' })).status).toBe(200)
})

test('a form of another site posts nothing, whatever it calls its content, and reads nothing', async () => {
  const { cookie } = await browser()
  for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data; boundary=x']) {
    const headers = { cookie, 'content-type': type, origin: 'https://evil.example' }
    const posted = await fetch(`${server.base}/api/auth/logout`, { method: 'POST', headers, body: '{}' })
    expect([type, posted.status]).toEqual([type, 403])
  }
  const preflight = await fetch(`${server.base}/api/auth/profile`, {
    method: 'OPTIONS',
    headers: { origin: 'http://localhost:3000', 'access-control-request-method': 'PATCH' },
  })
  expect(preflight.headers.get('access-control-allow-credentials')).toBeNull()
  // Nor does it sign somebody in as another person.
  const stranger = await newPerson()
  const body = { phone_number: stranger.phone, password: PASSWORD }
  for (const origin of ['https://evil.example', 'null', 'http://localhost:3000'])
    expect(code(await server.call('POST', SESSION, body, { origin }))).toEqual([403, 'CROSS_SITE'])
  expect((await server.call('POST', SESSION, body)).status).toBe(200)
  expect(await isAlive({ cookie })).toBe(true)
})

/** Two headers, or bytes that fetch would not send. */
const raw = (path: string, headers: Record<string, string | string[]>): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const asked = request(`${server.base}${path}`, { headers }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () => {
        const type = answer.headers['content-type'] ?? ''
        const response = new Response(Buffer.concat(chunks), {
          status: answer.statusCode ?? 0,
          headers: { 'content-type': type },
        })
        resolve(answerOf(response))
      })
    })
    asked.on('error', reject)
    asked.end()
  })

test('a cookie that is not good is refused, and never falls back to the demonstration', async () => {
  expect((await raw('/api/accounts', {})).status).toBe(200)
  const { cookie } = await browser()
  const bad = [
    'cauri=',
    'cauri=nonsense',
    `cauri=${'A'.repeat(43)}`,
    `${cookie}x`,
    `__Host-${cookie}`,
    `${cookie}; ${cookie}`,
    `${cookie}; cauri=${'A'.repeat(43)}`,
    'cauri="quoted"',
    'a=b; cauri=x; c=d',
  ]
  for (const one of bad)
    for (const path of ['/api/accounts', '/api/auth/profile', '/api/bulk-transfers/history'])
      expect([one, path, ...code(await raw(path, { cookie: one }))]).toEqual([
        one,
        path,
        401,
        'AUTHENTICATION_REQUIRED',
      ])
  expect((await raw('/api/accounts', { cookie: 'theme=dark; cauri_hint=1' })).status).toBe(200)
  // A member nowhere is himself, not the demonstration.
  expect(code(await raw('/api/accounts', { cookie: `theme=dark; ${cookie}` }))).toEqual([403, 'NOT_ALLOWED'])
})

test('the Authorization header wins: a bad one is not saved by a good cookie, a good one needs no Origin', async () => {
  const { cookie, phone } = await browser()
  const other = await newPerson()
  const both = await profile({ cookie, ...bearer(other.access) })
  expect(both.body.phone_number).toBe(other.phone)
  expect(both.body.phone_number).not.toBe(phone)
  expect(code(await profile({ cookie, ...bearer('a.b.c') }))).toEqual([401, 'AUTHENTICATION_REQUIRED'])
  expect((await rename({ cookie, ...bearer(other.access) })).status).toBe(200)
  expect(await isAlive({ cookie: `cauri=${'A'.repeat(43)}` })).toBe(false)
})

test('it ends by signing out, by a change of password, by being revoked; and only that one', async () => {
  const person = await newPerson()
  const [one, two, three] = [await browser(person), await browser(person), await browser(person)]
  const out = await server.call('DELETE', SESSION, undefined, { cookie: one.cookie, origin: own() })
  expect([out.status, out.headers.get('set-cookie')]).toEqual([
    200,
    'cauri=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0',
  ])
  expect([await isAlive(one), await isAlive(two), await isAlive(three)]).toEqual([false, true, true])
  const { body } = await server.call('GET', '/api/auth/sessions', undefined, { cookie: two.cookie })
  expect(body.sessions).toHaveLength(3) // and the one of the registration
  const current = body.sessions.find((session: { current: boolean }) => session.current)
  await server.call('DELETE', `/api/auth/sessions/${current.id}`, undefined, {
    cookie: three.cookie,
    origin: own(),
  })
  expect([await isAlive(two), await isAlive(three)]).toEqual([false, true])
  const new_password = 'une autre mangue, plus mûre'
  const change = { current_password: PASSWORD, new_password, new_password_confirmation: new_password }
  const changed = await server.call('POST', '/api/auth/change-password', change, bearer(person.access))
  expect(changed.status).toBe(200)
  expect(await isAlive(three)).toBe(false)
})

test('each use prolongs it, up to its end; a second factor is asked for, and shown by its code', async () => {
  const used = await browser()
  const idle = await browser()
  for (let hours = 0; hours < 7 * 24; hours += 11) {
    expect([hours, await isAlive(used)]).toEqual([hours, true])
    await advanceClock(server.db, 11 * 3_600)
  }
  expect(await isAlive(used)).toBe(false)
  expect(await isAlive(idle)).toBe(false)
  const person = await newPerson()
  const { secret } = await protect(server, person.access)
  const body = { phone_number: person.phone, password: PASSWORD }
  expect(code(await server.call('POST', SESSION, body, { origin: own() }))).toEqual([401, 'OTP_REQUIRED'])
  const otp = await freshCode(server, secret)
  const { cookie } = await browser(person, otp)
  const row = await server.db.one<{ n: bigint }>(sql`
    select count(*) as n from identity_sessions where cookie_hash is not null and second_factor_at is not null`)
  expect(row.n).toBe(1n)
  expect(await isAlive({ cookie })).toBe(true)
})
