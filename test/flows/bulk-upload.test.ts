import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureOrganization } from '../../src/identity/index.ts'
import { createAccount } from '../../src/payments/index.ts'
import { sql } from '../../src/platform/db.ts'
import { multipart, numberAt, standardCsv, type Part } from '../harness/multipart.ts'
import { answerOf, openServer, PAYER, type Fields, type TestServer } from '../harness/server.ts'
import { tracesOf } from '../harness/traces.ts'

let server: TestServer
beforeAll(async () => {
  server = await openServer({ worker: false }) // nothing is paid here: batches stay PENDING
})
afterAll(() => server.stop())

const HEADER = 'transferId,amount,currency,partyIdType,partyIdentifier'
const LIST = 'type_id,valeur_id,devise,montant'
const row = (id: string, amount = '100', currency = 'XOF', to = '22890123456'): string =>
  `${id},${amount},${currency},MSISDN,${to}`
let unique = 10_000
const fresh = (rows = 2): string => standardCsv(rows, (unique += 1_000))
const english = { 'accept-language': 'en' }

const send = async (parts: readonly Part[], headers: Record<string, string> = {}) => {
  const form = multipart(parts)
  const init = { method: 'POST', headers: { ...form.headers, ...headers }, body: form.body }
  return answerOf(await fetch(`${server.base}/api/bulk-transfers`, init))
}

/** Sends in both languages, expects the same refusal, and that nothing at all was left by it. */
async function refused(csv: string | Buffer | undefined, fields: Fields, code: string, status: number) {
  const before = await tracesOf(server.db)
  const fr = await server.upload(csv, fields, { headers: { 'idempotency-key': `refused-${unique++}` } })
  const en = await server.upload(csv, fields, { headers: english })
  for (const answer of [fr, en]) {
    expect([answer.status, answer.body.code, answer.body.status]).toEqual([status, code, status])
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  }
  expect(fr.headers.get('content-language')).toBe('fr')
  expect(fr.body.title).not.toBe(en.body.title)
  if (fr.body.detail !== undefined) expect(fr.body.detail).not.toBe(en.body.detail)
  for (const [i, fault] of (fr.body.errors ?? []).entries())
    expect(fault.detail).not.toBe(en.body.errors[i].detail)
  expect(await tracesOf(server.db)).toEqual(before)
  expect(await server.spooled()).toEqual([])
  return { fr: fr.body, en: en.body }
}

describe('a file is accepted', () => {
  test.each([
    ['the standard format', `${HEADER}\n${row('a-1')}\n${row('a-2', '250')}\n`],
    ['a payment list', `${LIST}\nMSISDN,22890123456,XOF,100\nMSISDN,22890654321,XOF,250\n`],
    [
      'other orders, cases, delimiters, names and encodings',
      Buffer.from(
        '\uFEFF\r\n;;;\r\nMontant;Nom_complet;DEVISE;type_id;Valeur_ID;note\r\n100;"Awa; Ngo";XOF;MSISDN;+22890123457;é\r\n250;;XOF;ALIAS;awa@x;\r\n',
        'utf16le',
      ),
    ],
  ])('in %s', async (_, csv) => {
    const answer = await server.upload(csv)
    expect([answer.status, answer.body.state, Object.keys(answer.body)]).toEqual([
      201,
      'PENDING',
      ['bulkTransferId', 'state'],
    ])
    expect(answer.body.bulkTransferId).toMatch(/^bulk-[0-9a-z]+$/)
    const location = answer.headers.get('location') ?? ''
    expect(location).toBe(`/api/bulk-transfers/${answer.body.bulkTransferId}/status`)
    const status = await server.call('GET', location)
    expect(status.body).toMatchObject({
      bulkTransferId: answer.body.bulkTransferId,
      state: 'PENDING',
      total_amount: 350,
      currency: 'XOF',
      payer_account: PAYER,
      total: 2,
      pending: 2,
      progress_percent: 0,
    })
    expect(status.body.individualTransfers).toHaveLength(2)
    const ids = status.body.individualTransfers.map((line: { transferId: string }) => line.transferId)
    expect(new Set(ids).size).toBe(2)
    expect(await server.spooled()).toEqual([])
  })

  test('its money is reserved at once, and the account says so', async () => {
    const before = (await server.call('GET', `/api/accounts/${PAYER}`)).body
    await server.upload(fresh(5))
    const after = (await server.call('GET', `/api/accounts/${PAYER}`)).body
    expect(after).toMatchObject({
      balance: before.balance,
      reserved: before.reserved + 500,
      available: before.available - 500,
    })
  })

  test('extra columns are kept, and come back with the line', async () => {
    const csv = `service,${HEADER},note\nvoirie,${row('x-1')},\nécole,${row('x-2')},n° 2\n`
    const { body } = await server.upload(csv)
    const status = await server.call('GET', `/api/bulk-transfers/${body.bulkTransferId}/status`)
    expect(status.body.individualTransfers.map((line: { extra: object }) => line.extra)).toEqual([
      { service: 'voirie' },
      { service: 'école', note: 'n° 2' },
    ])
  })

  test('with a trailing slash too', async () => {
    const answer = await server.upload(fresh(), {}, { path: '/api/bulk-transfers/' })
    expect(answer.status).toBe(201)
    const status = await server.call('GET', `/api/bulk-transfers/${answer.body.bulkTransferId}/status/`)
    expect(status.status).toBe(200)
  })

  test('by the old curl line: the file first, and a callback that is Cauri itself', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cauri-curl-'))
    await writeFile(join(folder, 'transfers.csv'), fresh(3))
    const callback = `http://localhost:${server.port}/api/transfers`
    const form = [`file=@${folder}/transfers.csv`, `payer_account=${PAYER}`, `callback_url=${callback}`]
    const args = ['-sS', '-X', 'POST', `http://localhost:${server.port}/api/bulk-transfers`]
    const { stdout } = await promisify(execFile)('curl', [...args, ...form.flatMap((field) => ['-F', field])])
    await rm(folder, { recursive: true })
    const answer = JSON.parse(stdout) as { bulkTransferId: string; state: string }
    expect(answer.state).toBe('PENDING')
    const { callback_wanted, file_name } = await server.db.one<{
      callback_wanted: boolean
      file_name: string
    }>(sql`select callback_wanted, file_name from bulk_batches where bulk_id = ${answer.bulkTransferId}`)
    expect([callback_wanted, file_name]).toEqual([false, 'transfers.csv'])
  })

  test('phone numbers that look odd are a warning, not a refusal', async () => {
    const answer = await server.upload(`${HEADER}\n${row(`w-${unique}`, '100', 'XOF', '999123456')}\n`)
    expect(answer.status).toBe(201)
    expect(answer.body.warnings).toMatchObject([
      { code: 'MSISDN_COUNTRY_UNKNOWN', count: 1, samples: [{ line: 2, column: 'partyIdentifier' }] },
    ])
  })
})

describe('with an Idempotency-Key', () => {
  test('the same form answers the same bytes again and makes nothing', async () => {
    const csv = fresh()
    const headers = { 'idempotency-key': `key-${unique}` }
    const first = await server.upload(csv, {}, { headers })
    const traces = await tracesOf(server.db)
    const again = await server.upload(csv, {}, { headers, file_first: true, filename: 'other-name.csv' })
    expect([again.status, again.text]).toEqual([201, first.text])
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    expect(again.headers.get('location')).toBe(first.headers.get('location'))
    expect(await tracesOf(server.db)).toEqual(traces)
    expect(await server.spooled()).toEqual([])
  })

  test('another file or other fields are refused', async () => {
    const csv = fresh()
    const headers = { 'idempotency-key': `key-${unique}` }
    await server.upload(csv, {}, { headers })
    for (const [file, fields] of [
      [fresh(), {}],
      [csv, { allow_duplicate: 'true' }],
    ] as const) {
      const answer = await server.upload(file, fields, { headers })
      expect([answer.status, answer.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED'])
    }
  })

  test('ten at once make one batch; the others replay it or are told to wait', async () => {
    const csv = fresh(200)
    const headers = { 'idempotency-key': `key-${unique}` }
    const before = await server.db.one<{ n: bigint }>(sql`select count(*) as n from bulk_batches`)
    const answers = await Promise.all(Array.from({ length: 10 }, () => server.upload(csv, {}, { headers })))
    const after = await server.db.one<{ n: bigint }>(sql`select count(*) as n from bulk_batches`)
    expect(after.n - before.n).toBe(1n)
    for (const answer of answers) expect([201, 409]).toContain(answer.status)
    for (const { body, headers: got } of answers.filter(({ status }) => status === 409)) {
      expect(body.code).toBe('IDEMPOTENCY_IN_PROGRESS')
      expect(got.get('retry-after')).not.toBeNull()
    }
  })

  test('a refused form frees the key, and one that is no key is refused', async () => {
    const headers = { 'idempotency-key': `key-${(unique += 1)}` }
    expect((await server.upload('', {}, { headers })).status).toBe(400)
    expect((await server.upload(fresh(), {}, { headers })).status).toBe(201)
    const bad = await server.upload(fresh(), {}, { headers: { 'idempotency-key': 'é'.repeat(3) } })
    expect([bad.status, bad.body.code]).toEqual([400, 'IDEMPOTENCY_KEY_INVALID'])
  })
})

describe('a file is refused, nothing is reserved and nothing is left behind:', () => {
  test.each([
    ['no file', undefined, 'FILE_MISSING', undefined, undefined],
    ['an empty file', '', 'FILE_EMPTY', undefined, undefined],
    ['blank lines only', '\n ,\n;;\n', 'FILE_EMPTY', undefined, undefined],
    ['no header', `${row('h-1')}\n`, 'FILE_HEADER_MISSING', 1, undefined],
    ['an unknown header', 'a,b,c\n1,2,3\n', 'FILE_HEADER_UNKNOWN', 1, undefined],
    ['a missing column', 'transferId,amount,currency,partyIdType\n', 'FILE_HEADER_UNKNOWN', 1, undefined],
    ['no data row', `${HEADER}\n\n`, 'FILE_HAS_NO_ROWS', 1, undefined],
    ['an unclosed quote', `${HEADER}\n"a,1,XOF\n`, 'FILE_NOT_CSV', 2, undefined],
    ['a NUL', `${HEADER}\n${row('a\0b')}\n`, 'FILE_NOT_CSV', 2, undefined],
    ['decimals', `${HEADER}\n${row('d-1', '1000.50')}\n`, 'FILE_ROWS_INVALID', 2, 'amount'],
    ['an exponent', `${HEADER}\n${row('d-1')}\n${row('d-2', '1E+05')}\n`, 'FILE_ROWS_INVALID', 3, 'amount'],
    ['a zero', `${HEADER}\n${row('d-1', '0')}\n`, 'FILE_ROWS_INVALID', 2, 'amount'],
    [
      'the amount «1 000,00»',
      `${LIST.toUpperCase()}\nMSISDN,22890123456,XOF,"1 000,00"\n`,
      'FILE_ROWS_INVALID',
      2,
      'MONTANT',
    ],
    [
      'mixed currencies',
      `${HEADER}\n${row('m-1')}\n${row('m-2', '1', 'XAF')}\n`,
      'FILE_ROWS_INVALID',
      3,
      'currency',
    ],
    ['another currency', `${HEADER}\n${row('m-1', '1', 'NGN')}\n`, 'FILE_ROWS_INVALID', 2, 'currency'],
    [
      'the other account’s currency',
      `${LIST}\nMSISDN,22890123456,XAF,1\n`,
      'CURRENCY_NOT_OF_ACCOUNT',
      2,
      'devise',
    ],
    [
      'a spaced number',
      `${HEADER}\n${row('p-1', '1', 'XOF', '228 90 12 34 56')}\n`,
      'FILE_ROWS_INVALID',
      2,
      'partyIdentifier',
    ],
    ['a party type', `${HEADER}\na,1,XOF,PHONE,22890123456\n`, 'FILE_ROWS_INVALID', 2, 'partyIdType'],
    ['a ragged row', `${HEADER}\na,1,XOF,MSISDN\n`, 'FILE_ROWS_INVALID', 2, undefined],
    [
      'an id that stands twice',
      `${HEADER}\n${row('t-1')}\n${row('t-2')}\n${row('t-1')}\n`,
      'FILE_ROWS_INVALID',
      4,
      'transferId',
    ],
  ] as const)('%s', async (_, csv, code, line, column) => {
    const { fr, en } = await refused(csv, {}, code, 400)
    expect([fr.errors?.[0]?.line, fr.errors?.[0]?.column]).toEqual([line, column])
    if (line !== undefined) expect(en.errors[0].detail).toMatch(new RegExp(`line ${line}\\b`, 'i'))
    if (code === 'FILE_ROWS_INVALID') expect(fr.error_count).toBe(1)
  })

  test('every fault of a file at once: cells and ids, in the order of its lines', async () => {
    const csv = `${HEADER}\n${row('e-1')}\n${row('e-2', 'x')}\n${row('e-1')}\n${row('e 3', '-1')}\n`
    const { fr } = await refused(csv, {}, 'FILE_ROWS_INVALID', 400)
    expect(fr.error_count).toBe(4)
    expect(
      fr.errors.map((e: { line: number; column: string; code: string }) => [e.line, e.column, e.code]),
    ).toEqual([
      [3, 'amount', 'AMOUNT_INVALID'],
      [4, 'transferId', 'TRANSFER_ID_DUPLICATE'],
      [5, 'transferId', 'TRANSFER_ID_INVALID'],
      [5, 'amount', 'AMOUNT_INVALID'],
    ])
    expect(fr.errors[1].detail).toContain('ligne 2')
  })

  test('a thousand faults: a hundred are listed, all are counted', async () => {
    const rows = Array.from({ length: 1_000 }, (_, i) => row(`f-${i}`, 'x')).join('\n')
    const { fr } = await refused(`${HEADER}\n${rows}\n`, {}, 'FILE_ROWS_INVALID', 400)
    expect([fr.errors.length, fr.error_count]).toEqual([100, 1_000])
  })

  test('money that is not there, with what is there and what is needed', async () => {
    const csv = `${HEADER}\n${row('i-1', '2000000000')}\n`
    const { fr, en } = await refused(csv, {}, 'INSUFFICIENT_FUNDS', 409)
    const { available } = (await server.call('GET', `/api/accounts/${PAYER}`)).body
    expect(fr).toMatchObject({ available, needed: 2_000_000_000, currency: 'XOF' })
    expect(en.detail).toContain('2000000000 XOF')
  })

  test('an unknown account, and that of another organisation, which does not exist either', async () => {
    await server.db.tx(async (tx) => {
      const { id } = await ensureOrganization(tx, 'Une autre caisse')
      await createAccount(tx, 'test', {
        organization_id: id,
        account_id: 'ACC-FOREIGN',
        party_id_type: 'MSISDN',
        party_identifier: '22890000000',
        currency: 'XOF',
        opening_balance: 1_000_000n,
      })
    })
    const csv = fresh()
    const unknown = await refused(csv, { payer_account: 'ACC-NONE' }, 'PAYER_ACCOUNT_NOT_FOUND', 404)
    const foreign = await refused(csv, { payer_account: 'ACC-FOREIGN' }, 'PAYER_ACCOUNT_NOT_FOUND', 404)
    expect(unknown.en.title).toBe('Payer account not found')
    expect({ ...foreign.en, account_id: '', request_id: '' }).toEqual({
      ...unknown.en,
      account_id: '',
      request_id: '',
    })
    const { fr } = await refused(csv, { payer_account: undefined }, 'PAYER_ACCOUNT_REQUIRED', 400)
    expect(fr.errors).toBeUndefined()
  })

  test.each([
    ['not an address', 'n’importe quoi'],
    ['another scheme', 'ftp://example.org/hook'],
    ['a password in it', 'https://a:b@example.org/hook'],
    ['a private address', 'http://10.0.0.1/hook'],
    ['the metadata service', 'http://169.254.169.254/latest/meta-data'],
    ['a number that is an address', 'http://2886729729/'],
    ['an IPv6 that carries an IPv4', 'http://[::ffff:10.0.0.1]/'],
    ['a low port', 'http://example.org:25/'],
    ['a name of the local network', 'http://router/'],
  ])('callback_url: %s', async (_, callback_url) => {
    await refused(fresh(), { callback_url }, 'CALLBACK_URL_INVALID', 400)
  })

  test('fields that are unknown, repeated, too long or not true or false', async () => {
    for (const fields of [
      { allow_duplicates: 'true' },
      { validate_only: 'peut-être' },
      { payer_account: 'A'.repeat(5_000) },
    ]) {
      const { fr } = await refused(fresh(), fields, 'VALIDATION_FAILED', 400)
      expect(fr.errors[0].pointer).toBe(`/body/${Object.keys(fields)[0]}`)
    }
    const file = { name: 'file', value: fresh(), filename: 'a.csv' }
    const twice = { name: 'payer_account', value: PAYER }
    const before = await tracesOf(server.db)
    for (const parts of [
      [file, twice, twice],
      [file, { ...file, value: fresh() }, twice],
      [{ ...file, name: 'fichier' }],
    ])
      expect((await send(parts)).body.code).toBe('VALIDATION_FAILED')
    expect(await tracesOf(server.db)).toEqual(before)
    expect(await server.spooled()).toEqual([])
  })

  test('an upload that is no form at all', async () => {
    const before = await tracesOf(server.db)
    const json = await server.call('POST', '/api/bulk-transfers', { file: 'x' })
    expect([json.status, json.body.code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE'])
    const text = await server.call('POST', '/api/bulk-transfers', {}, { 'content-type': 'text/csv' })
    expect(text.status).toBe(415)
    const none = await fetch(`${server.base}/api/bulk-transfers`, { method: 'POST' })
    expect([400, 415]).toContain(none.status)
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
      const answer = await server.call(method, '/api/bulk-transfers')
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST, OPTIONS'])
    }
    expect(await tracesOf(server.db)).toEqual(before)
  })
})

describe('validate_only', () => {
  test('says what a good file would become, and creates nothing', async () => {
    const before = await tracesOf(server.db)
    const answer = await server.upload(fresh(4), { validate_only: 'true' })
    expect(answer.status).toBe(200)
    const { available } = (await server.call('GET', `/api/accounts/${PAYER}`)).body
    expect(answer.body).toEqual({
      valid: true,
      total: 4,
      total_amount: 400,
      currency: 'XOF',
      fees: 0,
      errors: [],
      error_count: 0,
      warnings: [],
      available,
    })
    expect(await tracesOf(server.db)).toEqual(before)
    expect(await server.spooled()).toEqual([])
  })

  test('lists everything that would refuse it: cells, ids, the currency, the money, the same list', async () => {
    const used = standardCsv(1, (unique += 1_000))
    const first = (await server.upload(used)).body.bulkTransferId
    const id = `tx-${unique}`
    const csv = `${HEADER}\n${row(id, '5000000000', 'XAF')}\n${row('v-1', '1.5', 'XAF')}\n${row(id, '1', 'XAF')}\n`
    const before = await tracesOf(server.db)
    const answer = await server.upload(csv, { validate_only: 'true' }, { headers: english })
    expect([answer.status, answer.body.valid, answer.body.error_count]).toEqual([200, false, 6])
    expect(answer.body.errors.map((e: { code: string; line?: number }) => [e.code, e.line])).toEqual([
      ['CURRENCY_NOT_OF_ACCOUNT', 2],
      ['TRANSFER_ID_USED', 2],
      ['AMOUNT_INVALID', 3],
      ['TRANSFER_ID_DUPLICATE', 4],
      ['TRANSFER_ID_USED', 4],
      ['INSUFFICIENT_FUNDS', undefined],
    ])
    const same = await server.upload(used, { validate_only: 'yes' })
    expect(same.body.errors.at(-1)).toMatchObject({ code: 'SAME_LIST' })
    expect(same.body.errors.at(-1).detail).toContain(first)
    expect(same.body.warnings).toMatchObject([{ code: 'SAME_LIST', bulkTransferId: first, days_ago: 0 }])
    expect(await tracesOf(server.db)).toEqual(before)
  })

  test('a total that no JSON number can carry is a fault, not a crash', async () => {
    const csv = `${HEADER}\n${row('b-1', '9007199254740991')}\n${row('b-2', '9007199254740991')}\n`
    const answer = await server.upload(csv, { validate_only: 'true' })
    expect([answer.status, answer.body.total_amount]).toEqual([200, 9007199254740991])
    expect(answer.body.errors[0]).toMatchObject({ code: 'TOTAL_TOO_LARGE', line: 3 })
    await refused(csv, {}, 'FILE_ROWS_INVALID', 400)
  })

  test('refuses what cannot be read at all, as a real upload would be', async () => {
    await refused('', { validate_only: 'true' }, 'FILE_EMPTY', 400)
    await refused(
      fresh(),
      { validate_only: 'true', payer_account: 'ACC-NONE' },
      'PAYER_ACCOUNT_NOT_FOUND',
      404,
    )
  })
})

describe('the only account', () => {
  test('pays when the form names none', async () => {
    const one = await openServer({ worker: false })
    const answer = await one.upload(standardCsv(1), { payer_account: undefined })
    expect(answer.body.code).toBe('PAYER_ACCOUNT_REQUIRED') // the demo organisation has two
    const { id } = await one.db.tx((tx) => ensureOrganization(tx, 'Une autre caisse'))
    await one.db.run(
      sql`update payments_accounts set organization_id = ${id} where account_id = 'ACC-237000001'`,
    )
    const accepted = await one.upload(standardCsv(1), { payer_account: undefined })
    expect(accepted.status).toBe(201)
    const status = await one.call('GET', `/api/bulk-transfers/${accepted.body.bulkTransferId}/status`)
    expect(status.body.payer_account).toBe(PAYER)
    const blank = await one.upload(standardCsv(1, 50), { payer_account: ' ' })
    expect(blank.status).toBe(201)
    await one.stop()
  })
})

test('no phone number of the file is in a refusal’s trail or the audit lines', async () => {
  const csv = `${HEADER}\n${row(`s-${unique}`, '100', 'XOF', numberAt(77))}\n`
  await server.upload(csv)
  const { n } = await server.db.one<{ n: bigint }>(
    sql`select count(*) as n from audit_events where detail::text like ${`%${numberAt(77)}%`}`,
  )
  expect(n).toBe(0n)
})
