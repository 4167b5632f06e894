import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openMojaloop } from '../../src/connectors/index.ts'
import type { Answer, MojaloopOptions, Order, PayoutRail } from '../../src/connectors/index.ts'
import { openLog } from '../../src/platform/log.ts'
import { openOutbound } from '../../src/platform/outbound.ts'
import { startSimulators } from '../../src/simulators/index.ts'
import type { Simulators } from '../../src/simulators/index.ts'

let simulators: Simulators
const folder = mkdtempSync(join(tmpdir(), 'cauri-contract-'))
const outbound = openOutbound({ production: false, allow_loopback: true })

beforeAll(async () => {
  simulators = await startSimulators({ sdk_port: 0, hub_port: 0, simulator_port: 0, folder })
})
afterAll(async () => {
  await outbound.close()
  await simulators.close()
  rmSync(folder, { recursive: true })
})

async function control(method: string, path: string, body?: object): Promise<unknown> {
  const answer = await outbound.request({
    method: method as 'GET',
    url: `http://127.0.0.1:${simulators.ports.simulator}/_sim/${path}`,
    guard: 'none',
    headers: { 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  if (answer.kind !== 'answer' || answer.status >= 300)
    throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`)
  return answer.body.length === 0 ? undefined : JSON.parse(answer.body.toString())
}
const settings = (mojaloop: object) => control('PUT', 'settings', { mojaloop })
const advance = (advance_s: number) => control('POST', 'clock', { advance_s })
/** How often the outside world really paid a reference, and how much. */
async function paidFor(reference: string): Promise<number[]> {
  const { payments } = (await control('GET', `paid?rail=mojaloop&reference=${reference}`)) as {
    payments: { amount: number; operation: string }[]
  }
  return payments.filter(({ operation }) => operation === 'payout').map(({ amount }) => amount)
}

beforeEach(async () => {
  await settings({ phases: 1, strict: false, noise: false, v18_parties: false, timeout_s: 0.25 })
})

async function open(more: Partial<MojaloopOptions> = {}): Promise<PayoutRail> {
  const rail = openMojaloop({
    url: `http://127.0.0.1:${simulators.ports.sdk}`,
    timeout_ms: 3_000,
    mode: 'auto',
    expiry_s: 60,
    connections: 8,
    log: openLog('silent'),
    outbound,
    ...more,
  })
  await rail.probe()
  return rail
}

/** A number is magic when its last six digits are 000 and a code; 123456 is nobody in particular. */
const orderTo = (code: string, more: Partial<Order> = {}): Order => ({
  reference: randomUUID(),
  home_reference: `line-${code}`,
  amount: 5_000n,
  currency: 'XOF',
  payee: { type: 'MSISDN', identifier: code === '' ? '22890123456' : `22890000${code}` },
  payer: { type: 'MSISDN', identifier: '22811111111', name: 'Trésor Public' },
  fee_cap: 0n,
  ...more,
})

const brief = (answer: Answer): string => {
  if (answer.kind === 'paid') return answer.fee === 0n ? 'paid' : `paid fee ${answer.fee}`
  if (answer.kind !== 'refused') return answer.kind
  return `${answer.reason}${answer.retryable ? ' again' : ''}`
}

/** What the order is answered, and then the query; «-» where the order settled it. */
const table: readonly (readonly [code: string, to_pay: string, to_find: string])[] = [
  ['', 'paid', 'paid'],
  ['000', 'PAYEE_NOT_FOUND', '-'],
  ['001', 'PAYEE_LIMIT', '-'],
  ['002', 'PAYEE_REJECTED', 'PAYEE_REJECTED'],
  ['003', 'PAYEE_REJECTED', 'PAYEE_REJECTED'],
  ['004', 'PAYEE_UNAVAILABLE again', '-'],
  ['005', 'PAYEE_UNAVAILABLE again', '-'],
  ['006', 'unknown', 'paid'],
  ['007', 'unknown', 'unknown'],
  ['008', 'unknown', 'unknown'],
  ['009', 'RAIL_ERROR', '-'],
  ['010', 'paid fee 50', 'paid fee 50'],
  ['011', 'unknown', 'unknown'],
  ['019', 'PAYEE_LIMIT', '-'],
  ['029', 'RAIL_ERROR', 'RAIL_ERROR'],
  ['039', 'PAYEE_REJECTED', 'PAYEE_REJECTED'],
  ['049', 'PAYEE_UNAVAILABLE again', 'PAYEE_UNAVAILABLE again'],
  ['069', 'PAYEE_REJECTED', 'PAYEE_REJECTED'],
  ['089', 'PAYEE_NOT_FOUND', '-'],
  ['119', 'PAYEE_REJECTED', 'PAYEE_REJECTED'],
  ['129', 'unknown', 'unknown'],
  ['202', 'unknown', 'not-found'],
  ['301', 'paid', 'paid'],
  ['408', 'unknown', 'paid'],
  ['409', 'paid', 'paid'],
  ['503', 'unknown', 'paid'],
  ['777', 'paid', 'paid'],
]
/** In stepwise the adapter remembers nothing of the order: a query tells no fee, no condition and no code of the hub. */
const found_bare = new Map([
  ['008', 'paid'],
  ['010', 'paid'],
  ['029', 'PAYEE_REJECTED'],
  ['049', 'PAYEE_REJECTED'],
])
const MOVES = new Set(['', '006', '007', '008', '010', '011', '202', '301', '408', '409', '503', '777'])

describe.each([
  ['one call, one phase', { phases: 1 }],
  ['one call, two phases', { phases: 2 }],
  ['one call, with the noise of the scheme’s testing tool', { phases: 1, noise: true }],
  ['stepwise, strict', { strict: true }],
  ['stepwise, parties as v18 gives them', { strict: true, v18_parties: true }],
])('%s: the table of magic numbers', (_title, sim) => {
  test.each(table)('%s: %s, then %s', async (code, to_pay, to_find) => {
    await settings(sim)
    const rail = await open()
    const order = orderTo(code, { fee_cap: code === '010' ? 50n : 0n })
    const paid = brief(await rail.pay(order))
    const found = to_find === '-' ? '-' : brief(await rail.find(order, order.reference))
    const expected = 'strict' in sim ? (found_bare.get(code) ?? to_find) : to_find
    expect([paid, found]).toEqual([to_pay, expected])
    await rail.close()
  })
})

describe('what moves money moves it once, and is found', () => {
  test.each([...MOVES])('%s', async (code) => {
    const rail = await open()
    const order = orderTo(code)
    await rail.pay(order)
    // The same order again, as after a «not found»: the rail deduplicates by our reference.
    await rail.pay(order)
    await advance(40)
    const found = await rail.find(order, order.reference)
    expect(found.kind).toBe(code === '008' ? 'unknown' : 'paid')
    expect(await paidFor(order.reference)).toEqual([5_000])
    await rail.close()
  })

  test.each(table.filter(([code]) => !MOVES.has(code)).map(([code]) => code))(
    '%s pays nothing',
    async (code) => {
      const rail = await open()
      const order = orderTo(code)
      await rail.pay(order)
      await advance(40)
      expect(await paidFor(order.reference)).toEqual([])
      await rail.close()
    },
  )
})

describe('two phases with the rail’s own reference', () => {
  test.each(table.filter(([code]) => code !== '010'))('%s: %s', async (code, to_pay) => {
    await settings({ phases: 2, strict: true })
    const rail = await open({ mode: 'two-phase' })
    const order = orderTo(code)
    let answer = await rail.pay(order)
    if (answer.kind === 'quoted') {
      const { rail_reference } = answer
      expect(rail_reference).not.toBe(order.reference)
      expect(await paidFor(rail_reference)).toEqual([])
      answer = await rail.confirm(order, rail_reference)
      if (answer.kind === 'paid') expect(await paidFor(rail_reference)).toEqual([5_000])
    }
    expect(brief(answer)).toBe(to_pay)
    await rail.close()
  })

  test('a query about a transfer that waits destroys it, and its acceptance then pays nothing', async () => {
    await settings({ phases: 2, strict: true })
    const rail = await open({ mode: 'two-phase' })
    const order = orderTo('')
    const quoted = await rail.pay(order)
    if (quoted.kind !== 'quoted') throw new Error(`expected a quote, got ${quoted.kind}`)
    expect(await rail.find(order, quoted.rail_reference)).toMatchObject({ kind: 'not-found' })
    expect(await rail.confirm(order, quoted.rail_reference)).toMatchObject({ kind: 'unknown' })
    expect(await paidFor(quoted.rail_reference)).toEqual([])
    await rail.close()
  })
})

describe.each([
  ['one call, two phases', { phases: 2 }, {}],
  ['stepwise', { strict: true }, {}],
  ['two-phase', { phases: 2, strict: true }, { mode: 'two-phase' as const }],
])('%s', (_title, sim, options) => {
  test('a fee above the cap is refused before any money moves', async () => {
    await settings(sim)
    const rail = await open(options)
    const order = orderTo('010', { fee_cap: 49n })
    expect(brief(await rail.pay(order))).toBe('FEE_ABOVE_CAP')
    expect(await paidFor(order.reference)).toEqual([])
    await rail.close()
  })
})

test('injected faults of the connection end as not known, or as about us', async () => {
  const rail = await open()
  const seen: Record<string, string> = {}
  for (const kind of [
    'init_lost_response',
    'http_500_after_accept',
    'waf_html_200',
    'http_503_429',
    'wrong_subscription_or_ip',
  ]) {
    await control('POST', 'faults', { rail: 'mojaloop', operation: 'payout', kind, times: 1 })
    seen[kind] = brief(await rail.pay(orderTo('')))
    await control('DELETE', 'faults')
  }
  expect(seen).toEqual({
    init_lost_response: 'unknown',
    http_500_after_accept: 'unknown',
    waf_html_200: 'unknown',
    http_503_429: 'unknown',
    wrong_subscription_or_ip: 'stop',
  })
  await rail.close()
})
