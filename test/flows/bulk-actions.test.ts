import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkAll } from '../../src/integrity/index.ts'
import { sql } from '../../src/platform/db.ts'
import { foreignBatch } from '../harness/foreign.ts'
import { magic, numberAt, standardCsv } from '../harness/multipart.ts'
import { openServer, PAYER, type Answer, type TestServer } from '../harness/server.ts'
import { tracesOf } from '../harness/traces.ts'
import { until } from '../harness/wait.ts'

/** A line that stays uncertain stays so: it is asked about once an hour. */
const env = { MOJALOOP_QUERY_DELAYS_S: '3600', MOJALOOP_TIMEOUT_S: '0.5', MOJALOOP_REVIEW_AFTER_S: '7200' }
const REFUSED = magic('003') // the payee's side refuses
const UNKNOWN = magic('000') // no such payee
const SILENT = magic('129') // never an answer

let server: TestServer
let foreign: string
beforeAll(async () => {
  server = await openServer({ env, worker: false })
  foreign = await foreignBatch(server)
})
afterAll(async () => {
  expect(await checkAll(server.db)).toEqual([])
  await server.stop()
})

let next = 1_000
const fresh = (rows: number): string => standardCsv(rows, (next += 1_000))
const HEADER = 'transferId,amount,currency,partyIdType,partyIdentifier'
/** One line of 100 francs for each payee; ids from `t-1` on, with a letter of the test's own in front. */
const payees = (prefix: string, to: readonly string[]): string =>
  [HEADER, ...to.map((party, i) => `${prefix}-${i + 1},100,XOF,MSISDN,${party}`)].join('\n')

const upload = async (csv: string): Promise<string> => {
  const { status, body } = await server.upload(csv)
  expect(status).toBe(201)
  return body.bulkTransferId
}
const act = (id: string, verb: string, body: object = {}, key?: string): Promise<Answer> =>
  server.call('POST', `/api/bulk-transfers/${id}/${verb}`, body, key ? { 'idempotency-key': key } : {})
const statusOf = async (id: string) => (await server.call('GET', `/api/bulk-transfers/${id}/status`)).body
const available = async (): Promise<number> =>
  (await server.call('GET', `/api/accounts/${PAYER}`)).body.available
const settled = (id: string, states: readonly string[]) =>
  until(
    `${id} is ${states.join(' or ')}`,
    async () => {
      const status = await statusOf(id)
      return states.includes(status.state) && status
    },
    15_000,
  )

describe('every action', () => {
  const verbs = ['cancel', 'pause', 'resume', 'retry']
  test.each(verbs)('%s does not know a batch that is not there or not ours', async (verb) => {
    const before = await tracesOf(server.db)
    for (const id of ['bulk-none', foreign, 'x'.repeat(90), '%F0%9F%98%80']) {
      const { status, body } = await act(id, verb)
      expect([status, body.code]).toEqual([404, 'BULK_NOT_FOUND'])
    }
    expect((await act('x'.repeat(200), verb)).status).toBe(400)
    expect(await tracesOf(server.db)).toEqual(before)
  })

  test.each(verbs)('%s refuses other methods, bodies and key reuse', async (verb) => {
    const id = await upload(fresh(1))
    const path = `/api/bulk-transfers/${id}/${verb}`
    const get = await server.call('GET', path)
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST, OPTIONS'])
    expect((await server.call('POST', path, { reason: 5 })).body.errors[0].pointer).toBe('/body/reason')
    expect((await server.call('POST', path, {}, { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await server.call('POST', path, { reason: 'x'.repeat(1_100_000) })).status).toBe(413)
    const broken = await fetch(server.base + path, {
      method: 'POST',
      body: '{',
      headers: { 'content-type': 'application/json' },
    })
    expect(broken.status).toBe(400)
    expect((await statusOf(id)).state).toBe('PENDING')
  })

  test.each(verbs)('%s answers with a trailing slash, and without any body', async (verb) => {
    const id = await upload(fresh(1))
    const answer = await fetch(`${server.base}/api/bulk-transfers/${id}/${verb}/`, { method: 'POST' })
    expect(answer.status).toBe(verb === 'retry' ? 409 : 200)
  })
})

describe('cancel', () => {
  test('what nobody has claimed is cancelled, and its money is back at once', async () => {
    const before = await available()
    const id = await upload(fresh(10))
    expect(await available()).toBe(before - 1_000)
    const answer = await act(id, 'cancel', { reason: 'mauvais fichier' }, `cancel-${id}`)
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        bulkTransferId: id,
        state: 'CANCELLED',
        total: 10,
        completed: 0,
        failed: 0,
        cancelled: 10,
        pending: 0,
        uncertain: 0,
        paused: false,
        progress_percent: 100,
      },
    ])
    expect(await available()).toBe(before)

    const traces = await tracesOf(server.db)
    const replay = await act(id, 'cancel', { reason: 'mauvais fichier' }, `cancel-${id}`)
    expect([replay.status, replay.text, replay.headers.get('idempotency-replayed')]).toEqual([
      200,
      answer.text,
      'true',
    ])
    const other = await act(id, 'cancel', { reason: 'autre' }, `cancel-${id}`)
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED'])
    for (const verb of ['cancel', 'pause', 'resume', 'retry']) {
      const again = await act(id, verb)
      expect([verb, again.status]).toEqual([verb, 409])
    }
    expect(await tracesOf(server.db)).toEqual(traces)

    const details = await server.call('GET', `/api/bulk-transfers/${id}/details`)
    expect(details.body.rejected).toEqual([])
    expect(details.body.history.map((event: { what: string }) => event.what)).toEqual([
      'bulk.created',
      'bulk.finished',
      'bulk.cancelled',
    ])
    expect(details.body.history.at(-1)).toMatchObject({
      who: 'Caisse de démonstration',
      detail: { cancelled: 10, reason: 'mauvais fichier' },
    })
    expect(details.body.individualTransfers.map((line: { status: string }) => line.status)).toEqual(
      Array(10).fill('CANCELLED'),
    )
  })

  test('of ten at once one cancels', async () => {
    const before = await available()
    const id = await upload(fresh(50))
    const answers = await Promise.all(Array.from({ length: 10 }, () => act(id, 'cancel')))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      200,
      ...Array(9).fill(409),
    ])
    expect(await available()).toBe(before)
  })

  test('the ids of a cancelled batch may be used again, and its list is not the same list', async () => {
    const csv = fresh(3)
    await act(await upload(csv), 'cancel')
    const again = await server.upload(csv)
    expect([again.status, again.body.warnings]).toEqual([201, undefined])
  })
})

describe('when the worker runs', () => {
  let paused: string
  beforeAll(async () => {
    // What the tests above left waiting is not of interest.
    paused = await upload(fresh(20))
    const answer = await act(paused, 'pause', { reason: 'vérification' })
    expect(answer.body).toMatchObject({ state: 'PENDING', paused: true, pause_reason: 'vérification' })
    await server.app.startWorker()
  })

  test('a paused batch waits while others are paid, until it is resumed', async () => {
    const other = await upload(fresh(5))
    await settled(other, ['COMPLETED'])
    expect(await statusOf(paused)).toMatchObject({ state: 'PENDING', paused: true, pending: 20 })
    const again = await act(paused, 'pause', { reason: 'encore' })
    expect(again.body.pause_reason).toBe('vérification') // it was paused already
    const resumed = await act(paused, 'resume', {}, `resume-${paused}`)
    expect([resumed.status, resumed.body.paused, resumed.body.pause_reason]).toEqual([200, false, undefined])
    const status = await settled(paused, ['COMPLETED'])
    expect(status).toMatchObject({ completed: 20, progress_percent: 100, completed_amount: 2_000 })
    expect(status.completed_at).not.toBeNull()
    for (const verb of ['pause', 'resume']) {
      const late = await act(paused, verb)
      expect([late.status, late.body.code, late.body.state]).toEqual([409, 'BULK_WRONG_STATE', 'COMPLETED'])
    }
    expect((await act(paused, 'cancel')).body.code).toBe('BULK_NOTHING_TO_CANCEL')
    expect((await act(paused, 'retry')).body.code).toBe('BULK_NOTHING_TO_RETRY')
  })

  test('the failed lines are paid again as a child batch, once', async () => {
    const csv = payees('r', [numberAt(1), REFUSED, UNKNOWN, numberAt(2)])
    const id = await upload(csv)
    const status = await settled(id, ['PARTIALLY_COMPLETED'])
    expect(status).toMatchObject({ completed: 2, failed: 2, total_amount: 400, completed_amount: 200 })
    const failed = status.individualTransfers.filter((line: { status: string }) => line.status === 'FAILED')
    for (const line of failed) {
      expect(line.error_code).toMatch(/^[A-Z_]+$/)
      expect(line.completed_at).not.toBeNull()
    }

    const before = await available()
    const answer = await act(id, 'retry', { reason: 'numéros corrigés' }, `retry-${id}`)
    const child = answer.body.bulkTransferId
    expect([answer.status, answer.body]).toEqual([
      201,
      { bulkTransferId: child, state: 'PENDING', parent: id },
    ])
    expect(answer.headers.get('location')).toBe(`/api/bulk-transfers/${child}/status`)
    const replay = await act(id, 'retry', { reason: 'numéros corrigés' }, `retry-${id}`)
    expect([replay.status, replay.text]).toEqual([201, answer.text])
    const done = await settled(child, ['FAILED']) // the same numbers refuse again
    expect(done).toMatchObject({ parent: id, total: 2, failed: 2 })
    expect(done.individualTransfers.map((line: { transferId: string }) => line.transferId)).toEqual([
      'r-2',
      'r-3',
    ])
    expect(await available()).toBe(before)
    const history = (await server.call('GET', `/api/bulk-transfers/${id}/details`)).body.history
    expect(history.at(-1)).toMatchObject({
      what: 'bulk.retried',
      detail: { child, total: 2, reason: 'numéros corrigés' },
    })
  })

  test('lines that are being paid again are not taken up a second time', async () => {
    const id = await upload(payees('s', [REFUSED, UNKNOWN]))
    await settled(id, ['FAILED'])
    const answers = await Promise.all(Array.from({ length: 6 }, () => act(id, 'retry')))
    const made = answers.filter(({ status }) => status === 201)
    expect(made.length).toBeGreaterThan(0)
    for (const { status, body } of answers.filter((answer) => !made.includes(answer)))
      expect([status, body.code]).toEqual([409, 'BULK_ALREADY_RETRIED'])
    // A child that has failed has given its lines back, so there may be several, one after the other.
    for (const { body } of made) await settled(body.bulkTransferId, ['FAILED'])
    const child = await upload(payees('s', [numberAt(3)])) // the id of a failed line, in another file
    await settled(child, ['COMPLETED'])
    const late = await act(id, 'retry')
    expect([late.status, late.body.code, late.body.bulkTransferId]).toEqual([
      409,
      'BULK_ALREADY_RETRIED',
      child,
    ])
  })

  test('named lines only: those that failed; unknown ones are refused, paid ones passed over', async () => {
    const id = await upload(payees('n', [REFUSED, UNKNOWN, numberAt(4)]))
    await settled(id, ['PARTIALLY_COMPLETED'])
    const unknown = await act(id, 'retry', { transfer_ids: ['n-1', 'n-9'] })
    expect([unknown.status, unknown.body.code, unknown.body.transferId]).toEqual([
      404,
      'TRANSFER_NOT_FOUND',
      'n-9',
    ])
    expect((await act(id, 'retry', { transfer_ids: ['n-3'] })).body.code).toBe('BULK_NOTHING_TO_RETRY')
    expect((await act(id, 'retry', { transfer_ids: [] })).status).toBe(400)
    const answer = await act(id, 'retry', { transfer_ids: ['n-2', 'n-3'] })
    const child = await settled(answer.body.bulkTransferId, ['FAILED'])
    expect(child.individualTransfers).toMatchObject([{ transferId: 'n-2' }])
  })

  test('while a line is uncertain the batch is open, and only other lines are paid again', async () => {
    const id = await upload(payees('u', [SILENT, REFUSED, numberAt(5)]))
    const status = await until('one line is uncertain', async () => {
      const now = await statusOf(id)
      return now.uncertain === 1 && now.failed === 1 && now.completed === 1 && now
    })
    expect(status).toMatchObject({ state: 'PROCESSING', pending: 0, completed_at: null })
    expect(status.progress_percent).toBe(66.66)
    const refused = await act(id, 'retry')
    expect([refused.status, refused.body.code]).toEqual([409, 'BULK_LINES_UNCERTAIN'])
    const named = await act(id, 'retry', { transfer_ids: ['u-2', 'u-1'] })
    expect([named.body.code, named.body.transferId]).toEqual(['BULK_LINES_UNCERTAIN', 'u-1'])
    expect((await act(id, 'cancel')).body.code).toBe('BULK_NOTHING_TO_CANCEL')
    const answer = await act(id, 'retry', { transfer_ids: ['u-2'] })
    expect((await settled(answer.body.bulkTransferId, ['FAILED'])).total).toBe(1)

    const line = (await server.call('GET', `/api/bulk-transfers/${id}/lines/u-1`)).body
    expect(line).toMatchObject({ transferId: 'u-1', status: 'UNCERTAIN' })
    expect(line.attempts).toHaveLength(1)
    expect(line.attempts[0].reference).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/)

    // A notification brings the question forward: by our id in the sandbox, and by the rail's own.
    const told = await server.call('PUT', '/api/transfers/u-1', { currentState: 'COMPLETED' })
    expect([told.status, told.body]).toEqual([200, { transferId: 'u-1', status: 'UNCERTAIN' }])
    const hinted = await server.db.one<{ n: bigint }>(
      sql`select count(*) as n from payments_pursuits where rail_reference = ${line.attempts[0].reference} and hinted_at is not null`,
    )
    expect(hinted.n).toBe(1n)
    const by = await server.call('PUT', `/api/transfers/${line.attempts[0].reference}`, {})
    expect(by.body).toEqual({ transferId: line.attempts[0].reference, status: 'UNCERTAIN' })
    const none = await server.call('PUT', '/api/transfers/none', {})
    expect([none.status, none.body.code]).toEqual([404, 'TRANSFER_NOT_FOUND'])
    expect((await server.call('PUT', '/api/transfers/tx-900000', {})).status).toBe(404) // another organisation's
  })

  test('the story of a line: every attempt, its reference and what the rail said', async () => {
    const id = await upload(payees('l', [REFUSED, numberAt(6)]))
    await settled(id, ['PARTIALLY_COMPLETED'])
    const line = (await server.call('GET', `/api/bulk-transfers/${id}/lines/l-1`)).body
    expect(line).toMatchObject({ transferId: 'l-1', status: 'FAILED', payee_party_identifier: REFUSED })
    const attempts = line.attempts as { attempt: number; reference: string; events: { what: string }[] }[]
    expect(attempts.map(({ attempt }) => attempt)).toEqual(attempts.map((_, i) => i + 1))
    expect(new Set(attempts.map(({ reference }) => reference)).size).toBe(attempts.length)
    expect(attempts.at(-1)?.events.length).toBeGreaterThan(0)
    expect(JSON.stringify(attempts)).not.toContain(REFUSED)
    const paid = (await server.call('GET', `/api/bulk-transfers/${id}/lines/l-2/`)).body
    expect(paid).toMatchObject({ status: 'COMPLETED', error_code: null })
    expect(paid.fulfilment).toMatch(/\S/)
    const none = await server.call('GET', `/api/bulk-transfers/${id}/lines/l-3`)
    expect([none.status, none.body.code]).toEqual([404, 'TRANSFER_NOT_FOUND'])
    expect((await server.call('GET', `/api/bulk-transfers/${foreign}/lines/tx-900000`)).body.code).toBe(
      'BULK_NOT_FOUND',
    )
  })

  test('an id may be used again when its transfer failed, not when it was paid', async () => {
    const id = await upload(payees('k', [REFUSED, numberAt(7)]))
    await settled(id, ['PARTIALLY_COMPLETED'])
    const csv = `${HEADER}\nk-1,300,XOF,MSISDN,${numberAt(8)}\nk-2,300,XOF,MSISDN,${numberAt(8)}\n`
    const before = await tracesOf(server.db)
    const refused = await server.upload(csv)
    expect([refused.status, refused.body.code, refused.body.error_count]).toEqual([409, 'FILE_DUPLICATES', 1])
    expect(refused.body.errors).toMatchObject([
      { line: 3, column: 'transferId', code: 'TRANSFER_ID_USED', pointer: '/rows/3/transferId' },
    ])
    expect(await tracesOf(server.db)).toEqual(before)
    expect((await server.upload(`${HEADER}\nk-1,300,XOF,MSISDN,${numberAt(8)}\n`)).status).toBe(201)
  })
})
