import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openFaults } from './faults.ts'
import { openTestWorld } from './test-world.ts'
import type { Answer, TestWorld } from './test-world.ts'

describe('injected faults', () => {
  let world: TestWorld
  beforeEach(async () => {
    world = await openTestWorld()
  })
  afterEach(() => world.close())
  const inject = async (fault: Record<string, unknown>): Promise<void> => {
    const answer = await world.control('POST', '/_sim/faults', { rail: 'mojaloop', times: 1, ...fault })
    expect(answer.status).toBe(201)
  }
  /** What the caller saw: a status, or `cut`. */
  const seen = async (call: Promise<Answer>): Promise<number | 'cut'> =>
    await call.then(
      (answer) => answer.status,
      () => 'cut' as const,
    )

  // fault, what the caller sees, and how often money moved by that call alone.
  it.each([
    ['init_lost_request', 'cut', 0],
    ['init_lost_response', 'cut', 1],
    ['http_500_after_accept', 500, 1],
    ['http_500_no_create', 500, 0],
    ['http_503_429', 503, 0],
    ['maintenance_window', 503, 0],
    ['token_expired_mid_flight', 401, 0],
    ['wrong_subscription_or_ip', 401, 0],
    ['waf_html_200', 200, 1],
    ['clock_skew', 200, 1],
    ['insufficient_float', 500, 0],
    ['payee_limit_or_blocked', 500, 0],
    ['party_not_found', 500, 0],
    ['currency_env_mismatch', 500, 0],
    ['amount_mismatch', 200, 1],
    ['name_mismatch', 200, 1],
    ['003', 500, 0],
  ])('%s: the caller sees %s and %i payment is made', async (kind, status, times) => {
    await inject({ kind })
    const transferId = randomUUID()
    expect(await seen(world.post('22890123456', { transferId }))).toBe(status)
    expect(await world.paid()).toHaveLength(times)
  })

  it('is over after its times, and a resend then pays exactly once', async () => {
    await inject({ kind: 'init_lost_response', suffix: '456' })
    const transferId = randomUUID()
    expect(await seen(world.post('22890123457'))).toBe(200)
    expect(await seen(world.post('22890123456', { transferId }))).toBe('cut')
    expect(await seen(world.post('22890123456', { transferId }))).toBe(200)
    expect((await world.paid()).filter((payment) => payment.reference === transferId)).toHaveLength(1)
  })

  it('times a resend out while its first order never ends, although no fault strikes the resend', async () => {
    await inject({ kind: 'pending_forever' })
    const transferId = randomUUID()
    for (let i = 0; i < 2; i++) {
      const post = seen(world.post('22890123456', { transferId }))
      await pause(30)
      await world.advance(30)
      expect(await post).toBe(504)
    }
    expect(await world.paid()).toHaveLength(0)
  })

  it('strikes every nth call', async () => {
    await inject({ kind: 'http_500_no_create', nth: 3, times: 2 })
    const statuses: unknown[] = []
    for (let i = 0; i < 9; i++) statuses.push(await seen(world.post(`2289012345${i}`)))
    expect(statuses).toEqual([200, 200, 500, 200, 200, 500, 200, 200, 200])
  })

  it('lies about a status, for as long as told', async () => {
    const { json } = await world.post('22890123456')
    await inject({ kind: 'status_endpoint_lies', operation: 'status', times: undefined, delay_s: 60 })
    const ask = (): Promise<Answer> => world.sdk('GET', `/transfers/${json.transferId}`)
    expect((await ask()).json.statusCode).toBe('3208')
    await world.advance(61)
    expect((await ask()).status).toBe(200)
  })

  it('strikes the acceptance of the second phase too', async () => {
    await world.set({ phases: 2 })
    const { json } = await world.post('22890123456')
    await inject({ kind: 'init_lost_response' })
    expect(await seen(world.sdk('PUT', `/transfers/${json.transferId}`, { acceptQuote: true }))).toBe('cut')
    expect(await world.paid()).toHaveLength(1)
  })

  it('is repeatable by its seed, whatever the order of calls', () => {
    const strikes = (seed: number, order: readonly number[]): string[] => {
      const faults = openFaults()
      faults.add({ kind: 'http_500_no_create', probability: 0.3, seed })
      return order
        .filter((n) => faults.strike('all', `2289${n}`) !== undefined)
        .map(String)
        .toSorted()
    }
    const parties = Array.from({ length: 300 }, (_, i) => i)
    const one = strikes(42, parties)
    expect(one).toEqual(strikes(42, parties.toReversed()))
    expect(one).not.toEqual(strikes(43, parties))
    expect(one.length).toBeGreaterThan(60)
    expect(one.length).toBeLessThan(120)
  })
})
