import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { meanings } from '../../src/connectors/mtn-momo/codes.ts'
import { cleanNote } from '../../src/connectors/mtn-momo/note.ts'
import { openMtnPayouts, type MtnPayoutsOptions } from '../../src/connectors/mtn-momo/payouts.ts'
import type { Answer, Order, PayoutRail } from '../../src/connectors/rail.ts'
import { openOutbound, type Outbound } from '../../src/platform/outbound.ts'
import { MTN_SANDBOX } from '../../src/simulators/mtn-momo/server.ts'
import { openTestWorld, type TestWorld } from '../../src/simulators/test-world.ts'
import { openReceiver } from '../harness/receiver.ts'

let world: TestWorld
let outbound: Outbound
beforeAll(async () => {
  world = await openTestWorld()
  outbound = openOutbound({ production: false, allow_loopback: true })
})
afterAll(async () => {
  await outbound.close()
  await world.close()
})
beforeEach(() => world.control('DELETE', '/_sim/faults'))

const open = (more: Partial<MtnPayoutsOptions> = {}): PayoutRail =>
  openMtnPayouts({
    url: `http://127.0.0.1:${world.simulators.ports.simulator}/mtn`,
    ...MTN_SANDBOX,
    target_environment: 'mtncameroon',
    timeout_ms: 2_000,
    connections: 8,
    outbound,
    follow_delays_ms: [0, 20, 20],
    questions_per_s: 0,
    ...more,
  })
let last = 0
const orderTo = (identifier: string, more: Partial<Order> = {}): Order => ({
  reference: randomUUID(),
  home_reference: `line-${(last += 1)}`,
  amount: 500n,
  currency: 'XAF',
  payee: { type: 'MSISDN', identifier },
  payer: { type: 'MSISDN', identifier: '237670000100' },
  fee_cap: 0n,
  note: 'Pension d’août, l’indemnité',
  ...more,
})
/** A number of which nobody has heard, and so of whom nothing was paid. */
const somebody = (): string => `23767${String(1_000_000 + (last += 1))}`
const fault = (kind: string, more: object = {}) =>
  world.control('POST', '/_sim/faults', { rail: 'mtn-momo', kind, times: 1, ...more })
const paidTo = async (reference: string): Promise<number> => {
  const { json } = await world.control('GET', `/_sim/paid?rail=mtn-momo&reference=${reference}`)
  return (json as unknown as { payments: object[] }).payments.length
}
/** Asks until it is known, as the engine does later. */
async function end(rail: PayoutRail, order: Order): Promise<Answer> {
  for (let i = 0; ; i++) {
    const answer = await rail.find(order, order.reference)
    if (answer.kind !== 'unknown' || i === 50) return answer
  }
}

describe('a payout', () => {
  test('is paid once, under our reference, and says so', async () => {
    const rail = open()
    expect(await rail.probe()).toEqual({ deduplicates: true, makes_reference: false, mode: 'one-call' })
    const order = orderTo(somebody())
    const answer = await rail.pay(order)
    expect(answer).toMatchObject({
      kind: 'paid',
      amount: 500n,
      currency: 'XAF',
      fee: 0n,
      fee_unknown: true,
      reference: order.reference,
      fulfilment: expect.stringMatching(/^\d+$/),
    })
    expect(await rail.find(order, order.reference)).toEqual(answer)
    // Sent again it is the same order.
    expect(await rail.pay(order)).toMatchObject({ kind: 'paid' })
    expect(await paidTo(order.reference)).toBe(1)
  })

  test('goes to a phone written with its plus sign, or to an e-mail address, and to nothing else', async () => {
    const rail = open()
    expect((await rail.pay(orderTo('+237670111222'))).kind).toBe('paid')
    const mail = orderTo('', { payee: { type: 'EMAIL', identifier: 'awa@example.cm' } })
    expect((await rail.pay(mail)).kind).toBe('paid')
    const iban = orderTo('', { payee: { type: 'IBAN', identifier: 'CM2110002000300277976315008' } })
    expect(await rail.pay(iban)).toMatchObject({ kind: 'refused', reason: 'INVALID_ORDER' })
  })

  test('is not sent by a worker whose lease is over', async () => {
    const order = orderTo(somebody())
    expect((await open().pay(order, () => false)).kind).toBe('unsent')
    expect(await open().find(order, order.reference)).toMatchObject({ kind: 'not-found' })
  })

  test.each([
    ['50', { kind: 'refused', reason: 'RAIL_ERROR', retryable: true }],
    ['51', { kind: 'refused', reason: 'PAYEE_REJECTED', retryable: false }],
    ['52', { kind: 'refused', reason: 'EXPIRED', retryable: true }],
    ['53', { kind: 'unknown', because: 'MTN says PENDING', prepared: true }],
    ['54', { kind: 'unknown', because: 'MTN says PENDING', prepared: true }],
    ['55', { kind: 'refused', reason: 'PAYEE_NOT_FOUND', retryable: false }],
    ['56', { kind: 'refused', reason: 'PAYEE_BLOCKED', retryable: false }],
    ['57', { kind: 'stop' }],
    ['58', { kind: 'stop' }],
    ['59', { kind: 'stop' }],
    ['60', { kind: 'stop' }],
    ['61', { kind: 'unknown' }],
    ['62', { kind: 'unknown' }],
    ['63', { kind: 'refused', reason: 'EXPIRED', retryable: true }],
    ['64', { kind: 'refused', reason: 'RAIL_ERROR', retryable: false }],
    ['65', { kind: 'paid' }],
  ])('to MTN’s own test number …%s ends as it says', async (suffix, expected) => {
    const order = orderTo(`467331234${suffix}`)
    expect(await open().pay(order)).toMatchObject(expected)
    expect(await paidTo(order.reference)).toBe(expected.kind === 'paid' ? 1 : 0)
  })

  test('that is late is paid when it is asked about after its time', async () => {
    const order = orderTo('237670000054')
    const rail = open()
    expect((await rail.pay(order)).kind).toBe('unknown')
    await world.advance(31)
    expect((await rail.find(order, order.reference)).kind).toBe('paid')
  })
})

describe('what strikes a call never pays twice and never fails an order that may be paid', () => {
  test.each([
    ['init_lost_request', 'not-found', 0],
    ['init_lost_response', 'paid', 1],
    ['http_500_no_create', 'not-found', 0],
    ['http_500_after_accept', 'paid', 1],
    ['http_503_429', 'not-found', 0],
    ['waf_html_200', 'not-found', 0],
    ['malformed', 'paid', 1],
    ['silence', 'not-found', 0],
  ])('%s: unknown, or already known by asking; then %s', async (kind, later, times) => {
    const rail = open({ timeout_ms: 300 })
    await rail.probe()
    const order = orderTo(somebody())
    await fault(kind)
    const answer = await rail.pay(order)
    expect(['unknown', ...(later === 'paid' ? ['paid'] : [])]).toContain(answer.kind)
    expect((await end(rail, order)).kind).toBe(later)
    expect(await paidTo(order.reference)).toBe(times)
    // The engine sends it again under the same reference.
    expect((await rail.pay(order)).kind).toBe('paid')
    expect(await paidTo(order.reference)).toBe(1)
  })

  test('a token that ended on the way is fetched anew, once for all, and the call is the same call', async () => {
    const rail = open()
    await rail.probe()
    await fault('token_expired_mid_flight')
    const order = orderTo(somebody())
    expect((await rail.pay(order)).kind).toBe('paid')
    await fault('token_expired_mid_flight', { times: 2 })
    expect(await rail.pay(orderTo(somebody()))).toMatchObject({ kind: 'stop' })
    expect(await paidTo(order.reference)).toBe(1)
  })

  test('a refusal of the call says nothing about an earlier sending: the reference is asked about first', async () => {
    const order = orderTo(somebody())
    expect((await open().pay(order)).kind).toBe('paid')
    const elsewhere = open({ target_environment: 'nowhere' })
    expect((await elsewhere.pay(order)).kind).toBe('paid')
    expect(await elsewhere.pay(orderTo(somebody()))).toMatchObject({
      kind: 'refused',
      reason: 'INVALID_ORDER',
      said: { http_status: 400 },
    })
    expect(await paidTo(order.reference)).toBe(1)
  })

  test('an empty wallet of ours stops the rail, and this reference stays refused', async () => {
    await fault('insufficient_float')
    const order = orderTo(somebody())
    expect(await open().pay(order)).toMatchObject({ kind: 'stop', refused: true })
    expect(await paidTo(order.reference)).toBe(0)
  })

  test.each([
    ['amount_mismatch', 'MTN paid the amount 501'],
    ['party_mismatch', 'MTN paid another payee'],
  ])('%s is for people', async (kind, because) => {
    await fault(kind)
    expect(await open().pay(orderTo(somebody()))).toMatchObject({ kind: 'mismatch', because })
  })

  test('a question that is answered «unknown» once is no refusal; other shapes of the answer are read', async () => {
    const order = orderTo(somebody())
    const rail = open()
    await fault('status_endpoint_lies')
    expect((await rail.pay(order)).kind).toBe('paid')
    await fault('shape_variants', { times: 9 })
    expect((await rail.find(order, order.reference)).kind).toBe('paid')
    const failed = orderTo('237670000055')
    expect(await rail.pay(failed)).toMatchObject({ kind: 'refused', reason: 'PAYEE_NOT_FOUND' })
  })

  test('a hundred orders at once fetch one token, and each is paid once', async () => {
    const rail = open({ follow_delays_ms: [0, 50, 50, 50] })
    const orders = Array.from({ length: 100 }, () => orderTo(somebody()))
    await fault('init_lost_response', { nth: 3, times: 100 })
    const answers = await Promise.all(orders.map((order) => rail.pay(order)))
    expect(answers.every(({ kind }) => kind === 'paid' || kind === 'unknown')).toBe(true)
    await world.control('DELETE', '/_sim/faults')
    for (const order of orders) {
      expect((await end(rail, order)).kind).toBe('paid')
      expect(await paidTo(order.reference)).toBe(1)
    }
  })
})

test('wrong credentials, another address and a server that is away are said at the probe', async () => {
  await expect(open({ subscription_key: 'x' }).probe()).rejects.toThrow('subscription key (401)')
  await expect(open({ api_key: 'x' }).probe()).rejects.toThrow('API user')
  await expect(open({ url: 'http://127.0.0.1:9/mtn' }).probe()).rejects.toThrow('no token')
  await fault('wrong_subscription_or_ip', { operation: 'status' })
  await expect(open().probe()).rejects.toThrow('HTTP 403')
})

test('MTN’s own sandbox pays in euros, and the order stays in its currency', async () => {
  const order = orderTo(somebody())
  expect(await open({ target_environment: 'sandbox' }).pay(order)).toMatchObject({
    kind: 'paid',
    currency: 'XAF',
  })
})

test('every reason that MTN documents has its meaning; one that it does not document refuses', () => {
  expect(Object.keys(meanings)).toHaveLength(19)
  for (const meaning of Object.values(meanings)) expect(['refuse', 'stop', 'unsure']).toContain(meaning.act)
})

test.each([
  ['l’achat d’août', 'l achat d aout'],
  ["L'été : 100 % 'sûr' <b>", 'L ete 100 sur b'],
  ['cœur Æsop', 'coeur aesop'],
  ['x'.repeat(200), 'x'.repeat(160)],
  ['😀', ''],
])('the note %j goes as %j', (given, sent) => {
  expect(cleanNote(given)).toBe(sent)
})

const HOSTILE: readonly (readonly [name: string, status: number, body: string])[] = [
  ['nothing', 200, ''],
  ['half a JSON text', 200, '{"status":"SUCC'],
  ['a list', 200, '[{"status":"SUCCESSFUL"}]'],
  ['a number', 200, '7'],
  ['success without an amount', 200, '{"status":"SUCCESSFUL","currency":"XAF"}'],
  ['success in another currency', 200, '{"status":"SUCCESSFUL","amount":"500","currency":"XOF"}'],
  ['success with a fraction', 200, '{"status":"SUCCESSFUL","amount":"500.5","currency":"XAF"}'],
  ['success with an amount in words', 200, '{"status":"SUCCESSFUL","amount":{"$gt":0},"currency":"XAF"}'],
  ['a status that nobody knows', 200, '{"status":"APPROVED_MAYBE"}'],
  ['a status that is no text', 200, '{"status":true}'],
  ['a page', 200, '<html>Request Rejected</html>'],
  ['a page with 404', 404, '<html>not here</html>'],
  ['a failure of a gateway', 502, '{"message":"bad gateway"}'],
  ['a body too long to be read', 200, `{"status":"SUCCESSFUL","x":"${'x'.repeat(70_000)}"}`],
]
test.each(HOSTILE)('%s is neither paid nor refused', async (_, status, body) => {
  // The token, the order, then every question.
  const { port } = await openReceiver((call, reply) => {
    if (call === 1) reply.writeHead(200).end('{"access_token":"abc","expires_in":3600}')
    else if (call === 2) reply.writeHead(202).end()
    else reply.writeHead(status).end(body)
  })
  const answer = await open({ url: `http://127.0.0.1:${port}` }).pay(orderTo(somebody()))
  expect(['unknown', 'mismatch']).toContain(answer.kind)
})
