import { beforeAll, describe, expect, test } from 'vitest'
import { freshDatabase } from '../../test/harness/database.ts'
import { callFacts, outsideCalls, whileServing } from '../platform/context.ts'
import { sql, type Db } from '../platform/db.ts'
import { isSecretName, record, redact, type Act } from './index.ts'

let db: Db
beforeAll(async () => {
  db = (await freshDatabase()).db
})

const write = (act: Partial<Act>): Promise<void> =>
  db.tx((tx) => record(tx, { actor: 'awa', action: 'test', subject: 's', ...act }))
const last = (): Promise<Record<string, unknown>> =>
  db.one(sql`select * from audit_events order by id desc limit 1`)

describe('what is kept beside an act', () => {
  test('an act that says no more than before is valid, and the rest is null', async () => {
    await write({ organization_id: 7n, detail: { n: 1 } })
    expect(await last()).toMatchObject({
      actor: 'awa',
      organization_id: 7n,
      detail: { n: 1 },
      role: null,
      address: null,
      user_agent: null,
      request_id: null,
      before: null,
      after: null,
    })
  })

  test('role, address, program, request, before and after are kept as they are given', async () => {
    const given = { role: 'ADMIN', address: '192.0.2.7', user_agent: 'curl/8', request_id: 'req-12345678' }
    await write({ ...given, before: { tier: 1, limits: { day: 5 } }, after: { tier: 2, limits: { day: 9 } } })
    expect(await last()).toMatchObject({
      ...given,
      before: { tier: 1, limits: { day: 5 } },
      after: { tier: 2, limits: { day: 9 } },
    })
  })

  test('the call that is being served is taken for them, and only while it is', async () => {
    const facts = { request_id: 'req-abcdefgh', address: '::1', user_agent: 'x'.repeat(5_000) }
    const taken = { request_id: 'req-abcdefgh', address: '::1', user_agent: 'x'.repeat(300) }
    let later = Promise.resolve()
    let go = (): void => undefined
    const gate = new Promise<void>((resolve) => (go = resolve))
    await whileServing(facts, async () => {
      await write({})
      expect(await last()).toMatchObject(taken)
      await outsideCalls(() => write({}))
      expect(await last()).toMatchObject({ request_id: null, address: null })
      later = gate.then(() => write({}))
    })
    go()
    await later
    expect(await last()).toMatchObject({ request_id: null, address: null, user_agent: null })
    expect(callFacts()).toBeUndefined()
  })

  test('a text that PostgreSQL cannot hold does not undo the act', async () => {
    await write({
      user_agent: 'a\u0000b\ud800',
      detail: { note: 'a\u0000b\udfff' },
      after: { 'k\u0000': ['\ud800'] },
    })
    expect(await last()).toMatchObject({
      user_agent: 'ab\ufffd',
      detail: { note: 'ab\ufffd' },
      after: { k: ['\ufffd'] },
    })
  })
})

describe('secrets', () => {
  test.each(
    (
      'password newPassword PASSWORD_HASH passwd passphrase secret totpSecret client-secret ' +
      'token refresh_token accessToken tokens code codes sms_code recoveryCodes code_hash ' +
      'pin newPin PIN otp totp cvv jwt api_key apiKey private_key access_key authorization Cookie credentials'
    ).split(' '),
  )('a member called %s is redacted', (name) => {
    expect(isSecretName(name)).toBe(true)
    expect(redact({ [name]: 'x', deep: [{ [name]: 123_456 }] })).toEqual({
      [name]: '[redacted]',
      deep: [{ [name]: '[redacted]' }],
    })
  })

  test.each(
    (
      'error_code status_code countryCode result_codes shipping footprint spinning ' +
      'key_id idempotency_key amount reference because set_id decoded opinion'
    ).split(' '),
  )('a member called %s is not', (name) => {
    expect(redact({ [name]: 'x' })).toEqual({ [name]: 'x' })
  })

  test('whether there was one is still seen', () => {
    const fields = { password: null, totp_secret: true, token: undefined, pin: 0 }
    expect(redact(fields)).toEqual({ password: null, totp_secret: true, pin: '[redacted]' })
  })

  test('nothing of them reaches the row, wherever they stand', async () => {
    const planted = 'planted-9f3c'
    await write({
      detail: { sms_code: planted },
      before: { user: { password_hash: planted }, keys: [{ api_key: planted }] },
      after: { sessions: [{ refresh_token: planted, id: 5 }] },
    })
    expect(
      JSON.stringify(await last(), (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v)),
    ).not.toContain(planted)
    expect(await last()).toMatchObject({ after: { sessions: [{ refresh_token: '[redacted]', id: 5 }] } })
  })
})
