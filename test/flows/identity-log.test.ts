import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openApp, type App } from '../../src/app.ts'
import { readConfig } from '../../src/platform/config.ts'
import { sql } from '../../src/platform/db.ts'
import { openLog } from '../../src/platform/log.ts'
import { freshDatabase, type FreshDatabase } from '../harness/database.ts'
import { otherThan, sentCode } from '../harness/people.ts'
import { answerOf, CHEAP, SECRET_KEY, type Answer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

const lines: string[] = []
let app: App
let base: string
let home: string
let database: FreshDatabase

beforeAll(async () => {
  database = await freshDatabase()
  home = await mkdtemp(join(tmpdir(), 'cauri-identity-log-'))
  const config = readConfig({ CAURI_HOME: home, PORT: '0', LOG_LEVEL: 'trace' })
  const log = openLog('trace', { write: (line) => void lines.push(line) })
  const options = { config, log, url: database.url, adapter_url: undefined, secret_key: SECRET_KEY }
  app = await openApp({ ...options, password_cost: CHEAP })
  await app.startWorker()
  base = `http://127.0.0.1:${await app.startApi('127.0.0.1', 0)}`
})
afterAll(async () => {
  await app.stop()
  await rm(home, { recursive: true, force: true })
})

async function call(method: string, path: string, body?: object, access?: string): Promise<Answer> {
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'canary-agent',
    ...(access === undefined ? {} : { authorization: `Bearer ${access}` }),
  }
  return answerOf(await fetch(base + path, { method, headers, ...(body && { body: JSON.stringify(body) }) }))
}

test('no number, name, address, password, token or code comes into the log or the trail', async () => {
  const phone = '+237671234987'
  const password = 'canary-password-77'
  const other = 'canary-password-88'
  const canaries = [
    '671234987',
    'Canarix',
    'Zephyrine',
    'canary@example.com',
    'Rue du Canari',
    password,
    other,
  ]
  const registered = await call('POST', '/api/auth/register', {
    phone_number: phone,
    email: 'canary@example.com',
    first_name: 'Canarix',
    last_name: 'Zephyrine',
    password,
    password_confirmation: password,
    role: 'SELLER',
  })
  expect(registered.status).toBe(201)
  const { access, refresh } = registered.body
  const code = await sentCode(database.db, phone)
  const steps: readonly (readonly [number, () => Promise<Answer>])[] = [
    [
      409,
      () =>
        call('POST', '/api/auth/register', {
          phone_number: phone,
          first_name: 'Canarix',
          last_name: 'Zephyrine',
          password,
          password_confirmation: password,
          role: 'BUYER',
        }),
    ],
    [400, () => call('POST', '/api/auth/register', { phone_number: phone, Zephyrine: 'Canarix', password })],
    [400, () => call('POST', '/api/auth/login', { phone_number: password, password: phone })],
    [401, () => call('POST', '/api/auth/login', { email: 'canary@example.com', password: other })],
    [400, () => call('PATCH', '/api/auth/profile', { [password]: phone }, access)],
    [200, () => call('PATCH', '/api/auth/profile', { address_street: 'Rue du Canari' }, access)],
    [401, () => call('GET', '/api/auth/profile', undefined, `${access}x`)],
    [404, () => call('DELETE', `/api/auth/sessions/${phone}`, undefined, access)],
    [202, () => call('POST', '/api/auth/password-reset/request', { phone_number: phone })],
  ]
  for (const [status, step] of steps) expect((await step()).status).toBe(status)
  const verify = (verification_code: string) =>
    call('POST', '/api/auth/verify-phone', { verification_code }, access)
  expect((await verify(otherThan(code))).status).toBe(400)
  expect((await verify(code ?? '')).status).toBe(200)
  const reset = await until('the reset’s code', () => sentCode(database.db, phone, 'password_reset'))
  const next = await call('POST', '/api/auth/token/refresh', { refresh })
  expect(next.status).toBe(200)
  expect((await call('POST', '/api/auth/token/refresh', { refresh: next.body.refresh })).status).toBe(200)
  expect((await call('POST', '/api/auth/token/refresh', { refresh })).status).toBe(401)
  const confirm = { phone_number: phone, reset_code: reset, new_password: other }
  expect((await call('POST', '/api/auth/password-reset/confirm', confirm)).status).toBe(200)
  const signed = await call('POST', '/api/auth/login', { phone_number: phone, password: other })
  expect(signed.status).toBe(200)
  canaries.push(refresh, access, next.body.refresh, next.body.access, signed.body.refresh, signed.body.access)

  const trail = await database.db.many<{ text: string }>(sql`select e::text as text from audit_events e`)
  expect(lines.filter((line) => line.includes('"answered"')).length).toBeGreaterThan(15)
  expect(trail.length).toBeGreaterThan(8)
  const seen = [...lines, ...trail.map(({ text }) => text)]
  for (const canary of canaries) expect(seen.filter((text) => text.includes(canary))).toEqual([])
  for (const secret of [code, reset])
    expect(seen.filter((text) => new RegExp(`(?<![\\w.:-])${secret}(?![\\w.:-])`).test(text))).toEqual([])
  const found = await database.db.many<{ text: string }>(
    sql`select e::text as text from audit_events e where subject like 'person:%'`,
  )
  expect(found.length).toBeGreaterThan(5)
})
