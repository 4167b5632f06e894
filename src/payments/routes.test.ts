import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FOREIGN_ACCOUNT, foreignBatch } from '../../test/harness/foreign.ts'
import { standardCsv } from '../../test/harness/multipart.ts'
import { openServer, PAYER, type Answer, type TestServer } from '../../test/harness/server.ts'
import { tracesOf } from '../../test/harness/traces.ts'
import { until } from '../../test/harness/wait.ts'

let server: TestServer
beforeAll(async () => {
  server = await openServer()
  await foreignBatch(server)
})
afterAll(() => server.stop())

const get = (path: string, headers = {}): Promise<Answer> =>
  server.call('GET', `/api/accounts${path}`, undefined, headers)
const topUp = (account: string, body: object, key?: string): Promise<Answer> =>
  server.call('POST', `/api/accounts/${account}/top-ups`, body, key ? { 'idempotency-key': key } : {})
let reference = 0
const money = (amount = 500) => ({ amount, reference: `VIR-${++reference}` })

describe('accounts', () => {
  test('are those of the organisation, with what is there, reserved and available', async () => {
    const { status, body } = await get('/')
    expect([status, body.next_cursor]).toEqual([200, undefined])
    expect(body.accounts.map((account: { account_id: string }) => account.account_id)).toEqual([
      'ACC-123456789',
      'ACC-237000001',
    ])
    expect(body.accounts[0]).toEqual({
      account_id: PAYER,
      party_id_type: 'MSISDN',
      party_identifier: '123456789',
      currency: 'XOF',
      balance: 1_000_000_000,
      reserved: 0,
      available: 1_000_000_000,
      created_at: expect.any(String) as string,
    })
    const first = (await get('?limit=1')).body
    expect(first.accounts).toHaveLength(1)
    const second = (await get(`?limit=1&cursor=${first.next_cursor}`)).body
    expect([second.accounts[0].account_id, second.next_cursor]).toEqual(['ACC-237000001', undefined])
    expect((await get(`/${PAYER}/`)).body).toEqual(body.accounts[0])
  })

  test('refuse what is not there or not ours, and what is not understood', async () => {
    for (const account of ['ACC-NONE', FOREIGN_ACCOUNT])
      for (const answer of [
        await get(`/${account}`),
        await get(`/${account}/statement`),
        await topUp(account, money()),
      ])
        expect([answer.status, answer.body.code]).toEqual([404, 'PAYER_ACCOUNT_NOT_FOUND'])
    for (const [query, pointer] of [
      ['?limit=0', '/query/limit'],
      ['?limit=201', '/query/limit'],
      ['?cursor=x', '/query/cursor'],
      [`/${PAYER}/statement?limit=1001`, '/query/limit'],
      [`/${PAYER}/statement?from=hier`, '/query/from'],
      [`/${PAYER}/statement?format=pdf`, '/query/format'],
      [`/${'x'.repeat(200)}`, '/params/account_id'],
    ]) {
      const { status, body } = await get(query ?? '')
      expect([query, status, body.errors[0].pointer]).toEqual([query, 400, pointer])
    }
    for (const [path, allow] of [
      ['/api/accounts', 'GET, HEAD, OPTIONS'],
      [`/api/accounts/${PAYER}`, 'GET, HEAD, OPTIONS'],
      [`/api/accounts/${PAYER}/statement`, 'GET, HEAD, OPTIONS'],
      [`/api/accounts/${PAYER}/top-ups`, 'POST, GET, HEAD, OPTIONS'],
    ] as const) {
      const answer = await server.call('DELETE', path)
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow])
    }
  })
})

describe('a top-up', () => {
  test('is booked once per reference, and answers the account', async () => {
    const before = (await get(`/${PAYER}`)).body
    const body = money(1_500)
    const booked = await topUp(PAYER, body)
    expect([booked.status, booked.body.available]).toEqual([201, before.available + 1_500])
    const again = await topUp(PAYER, body)
    expect([again.status, again.body]).toEqual([200, booked.body])
    const other = await topUp(PAYER, { ...body, amount: 1_501 })
    expect([other.status, other.body.code, other.body.reference]).toEqual([
      409,
      'TOP_UP_REFERENCE_REUSED',
      body.reference,
    ])
    expect((await topUp('ACC-237000001', body)).status).toBe(201) // a reference is the account's own
  })

  test('of ten at once with one reference is booked once', async () => {
    const before = (await get(`/${PAYER}`)).body.available
    const body = money(700)
    const answers = await Promise.all(Array.from({ length: 10 }, () => topUp(PAYER, body)))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      ...Array(9).fill(200),
      201,
    ])
    expect((await get(`/${PAYER}`)).body.available).toBe(before + 700)
  })

  test('is replayed for its Idempotency-Key, and refuses another body under it', async () => {
    const body = money()
    const first = await topUp(PAYER, body, 'top-up-1')
    const traces = await tracesOf(server.db)
    const again = await topUp(PAYER, body, 'top-up-1')
    expect([again.status, again.text, again.headers.get('idempotency-replayed')]).toEqual([
      201,
      first.text,
      'true',
    ])
    const other = await topUp(PAYER, money(), 'top-up-1')
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED'])
    expect(await tracesOf(server.db)).toEqual(traces)
  })

  test('refuses amounts and references that are not', async () => {
    const before = await tracesOf(server.db)
    for (const amount of [0, -1, 1.5, '100', null, 2 ** 53, undefined]) {
      const { status, body } = await topUp(PAYER, { ...money(), amount })
      expect([amount, status, body.errors[0].pointer]).toEqual([amount, 400, '/body/amount'])
    }
    const huge = await topUp(PAYER, money(Number.MAX_SAFE_INTEGER))
    expect([huge.status, huge.body.code]).toEqual([400, 'AMOUNT_INVALID'])
    for (const bad of ['', 'a b', '=1+1', 'é', 'x'.repeat(101), 'a\0']) {
      const { status } = await topUp(PAYER, { amount: 1, reference: bad })
      expect([bad, status]).toEqual([bad, 400])
    }
    expect((await server.call('POST', `/api/accounts/${PAYER}/top-ups`)).status).toBe(400)
    expect(await tracesOf(server.db)).toEqual(before)
  })
})

describe('a statement', () => {
  test('has every movement with the balance after it, in JSON and in CSV', async () => {
    const account = 'ACC-237000001'
    await topUp(account, money(250))
    const csv = standardCsv(30, 1, 10).replaceAll('XOF', 'XAF')
    const { body } = await server.upload(csv, { payer_account: account })
    await until('it is paid', async () => {
      const status = await server.call('GET', `/api/bulk-transfers/${body.bulkTransferId}/status?limit=1`)
      return status.body.state === 'COMPLETED'
    })
    const { available } = (await get(`/${account}`)).body
    const whole = (await get(`/${account}/statement`)).body
    expect([whole.account_id, whole.currency, whole.next_cursor]).toEqual([account, 'XAF', undefined])
    let balance = 0
    for (const movement of whole.movements) {
      balance += movement.amount
      expect(movement.balance).toBe(balance)
    }
    expect(balance).toBe(available)
    expect(whole.movements.map((movement: { kind: string }) => movement.kind)).toContain('batch.reserved')

    const paged: object[] = []
    for (let cursor = ''; ;) {
      const page = (await get(`/${account}/statement?limit=2${cursor}`)).body
      paged.push(...page.movements)
      if (page.next_cursor === undefined) break
      cursor = `&cursor=${page.next_cursor}`
    }
    expect(paged).toEqual(whole.movements)

    for (const answer of [
      await get(`/${account}/statement?format=csv`),
      await get(`/${account}/statement/`, { accept: 'text/csv' }),
    ]) {
      expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8')
      expect(answer.headers.get('content-disposition')).toBe(
        `attachment; filename="${account}-statement.csv"`,
      )
      const rows = parse(answer.text, { columns: true }) as Record<string, string>[]
      expect(rows.map((row) => [row['kind'], Number(row['amount']), Number(row['balance'])])).toEqual(
        whole.movements.map((m: { kind: string; amount: number; balance: number }) => [
          m.kind,
          m.amount,
          m.balance,
        ]),
      )
    }
  })

  test('is limited by its dates; the balance still counts what was before', async () => {
    const all = (await get(`/${PAYER}/statement`)).body.movements
    const third = all[2]
    const from = encodeURIComponent(third.at)
    expect((await get(`/${PAYER}/statement?from=${from}`)).body.movements).toEqual(
      all.filter(({ at }: { at: string }) => at >= third.at),
    )
    expect((await get(`/${PAYER}/statement?to=${from}`)).body.movements).toEqual(
      all.filter(({ at }: { at: string }) => at < third.at),
    )
    expect((await get(`/${PAYER}/statement?from=2099-01-01`)).body.movements).toEqual([])
  })
})
