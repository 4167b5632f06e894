import type { Answer, Order, RailHabits, RefusalReason, Said } from '../../src/connectors/index.ts'
import type { Currency } from '../../src/platform/money.ts'
import type { Faults } from './faults.ts'
import type { Random } from './random.ts'
import type { Time } from './time.ts'

/**
 * How a rail behaves. `remembers`: deduplicates by our reference, and a reference that it has refused stays refused.
 * `forgets`: deduplicates, but a front that refuses knows nothing of what lies behind it; no order is executed later
 * than the promise. `two-phase`: makes its own reference. `plain`: executes whatever arrives.
 */
export type Nature = 'remembers' | 'forgets' | 'two-phase' | 'plain'

export const habitsOf: Readonly<Record<Nature, RailHabits>> = {
  remembers: { deduplicates: true, makes_reference: false, mode: 'one-call' },
  forgets: { deduplicates: true, makes_reference: false, mode: 'one-call' },
  'two-phase': { deduplicates: false, makes_reference: true, mode: 'two-phase' },
  plain: { deduplicates: false, makes_reference: false, mode: 'one-call' },
}

/** One line of the rail's own log, which judges: money that really left. */
export type Payment = {
  readonly home_reference: string
  readonly reference: string
  readonly amount: bigint
  readonly fee: bigint
  readonly currency: Currency
  readonly party: string
}

type Transfer = {
  readonly order: Order
  readonly reference: string
  state: 'WAITING' | 'PENDING' | 'PAID' | 'REFUSED'
  amount: bigint
  fee: bigint
  reason: RefusalReason
  retryable: boolean
  because_of_us: boolean
  expires_at: number
}

export type Outside = {
  readonly log: readonly Payment[]
  /** Each answers undefined when the rail says nothing. `made_at`: when the order was made; a copy has passed the front. */
  readonly pay: (order: Order, nature: Nature, made_at: number, copy: boolean) => Answer | undefined
  readonly confirm: (order: Order, reference: string) => Answer | undefined
  readonly find: (order: Order, reference: string) => Answer | undefined
  readonly silence: (ms: number) => void
  readonly refuseUs: (ms: number) => void
  readonly isSilent: () => boolean
  /** The rail's staff looks: what it paid for this order; when nothing, it blocks what may still arrive. Undefined: open. */
  readonly lookUp: (home_reference: string) => 'paid' | 'blocked' | 'other' | undefined
  /** True when the rail broke its own word about this order: refused it and paid. */
  readonly lied: (home_reference: string) => boolean
  /** Effects that are still to come. */
  readonly coming: () => number
}

export type OutsideDeps = {
  readonly time: Time
  readonly random: Random
  readonly faults: Faults
  /** No order is executed later than this after it was made, where the rail promises it. */
  readonly promise_ms: number
  readonly expiry_ms: number
}

export function openOutside(deps: OutsideDeps): Outside {
  const { time, random, faults } = deps
  const transfers = new Map<string, Transfer>()
  const log: Payment[] = []
  const blocked = new Set<string>()
  const liars = new Set<string>()
  let silent_until = 0
  let refuses_until = 0
  let coming = 0

  const book = (transfer: Transfer): void => {
    const { order, reference, amount, fee } = transfer
    time.mark('paid')
    log.push({
      home_reference: order.home_reference,
      reference,
      amount,
      fee,
      currency: order.currency,
      party: order.payee.identifier,
    })
  }
  const execute = (transfer: Transfer): void => {
    if (blocked.has(transfer.order.home_reference)) {
      transfer.state = 'REFUSED'
      return
    }
    transfer.state = 'PAID'
    book(transfer)
  }
  const later = (ms: number, call: () => void): void => {
    coming += 1
    time.after(ms, 'effect', () => {
      coming -= 1
      call()
    })
  }
  const refuse = (transfer: Transfer, reason: RefusalReason, retryable: boolean): void => {
    transfer.state = 'REFUSED'
    transfer.reason = reason
    transfer.retryable = retryable
  }
  /** What becomes of an order that the rail has accepted. */
  const decide = (transfer: Transfer): void => {
    if (faults.strike('rail: refuses for good')) return refuse(transfer, 'PAYEE_REJECTED', false)
    if (faults.strike('rail: refuses for a while')) return refuse(transfer, 'PAYEE_UNAVAILABLE', true)
    if (faults.strike('rail: busy (429)')) return refuse(transfer, 'RAIL_BUSY', true)
    if (faults.strike('rail: refuses an order because of us (4001)')) {
      refuse(transfer, 'RAIL_ERROR', true)
      transfer.because_of_us = true
      return
    }
    if (faults.strike('rail: refuses and pays')) {
      refuse(transfer, 'PAYEE_REJECTED', random.chance(0.5))
      liars.add(transfer.order.home_reference)
      return later(random.between(0, 8_000), () => execute(transfer))
    }
    if (faults.strike('rail: pays a wrong amount')) transfer.amount += 1n
    transfer.state = 'PENDING'
    if (faults.strike('rail: never final')) return
    if (faults.strike('rail: effect late')) {
      const refuses = random.chance(0.3)
      return later(random.between(100, 15_000), () =>
        refuses ? refuse(transfer, 'PAYEE_LIMIT', random.chance(0.5)) : execute(transfer),
      )
    }
    execute(transfer)
  }
  const open = (order: Order, reference: string): Transfer => {
    let fee = 0n
    if (order.fee_cap > 0n && faults.strike('rail: fee within the allowance')) fee = order.fee_cap
    if (faults.strike('rail: fee above the allowance')) fee = order.fee_cap + 3n
    const transfer: Transfer = {
      order,
      reference,
      amount: order.amount,
      fee,
      state: 'PENDING',
      reason: 'RAIL_ERROR',
      retryable: false,
      because_of_us: false,
      expires_at: Number.POSITIVE_INFINITY,
    }
    transfers.set(reference, transfer)
    return transfer
  }
  const speaks = (): Answer | 'yes' | 'no' => {
    if (time.now() < silent_until) return 'no'
    if (time.now() < refuses_until) return { kind: 'stop', because: 'HTTP 401', said: { http_status: 401 } }
    return 'yes'
  }
  const answerTo = (transfer: Transfer): Answer => tell(transfer, faults)

  return {
    log,
    pay(order, nature, made_at, copy) {
      const first = speaks()
      if (first !== 'yes') return first === 'no' ? undefined : first
      if (blocked.has(order.home_reference)) return refusalOf('PAYEE_BLOCKED', false)
      if (nature === 'two-phase') {
        if (faults.strike('rail: refuses for good')) return refusalOf('PAYEE_NOT_FOUND', false)
        if (faults.strike('rail: refuses for a while')) return refusalOf('QUOTE_REFUSED', true)
        const transfer = open(order, `rail-${transfers.size + 1}`)
        transfer.state = 'WAITING'
        transfer.expires_at = time.now() + deps.expiry_ms
        const { reference, fee } = transfer
        // We say no to such a quote, so nobody says yes.
        if (fee > order.fee_cap) return refusalOf('FEE_ABOVE_CAP', false)
        return { kind: 'quoted', rail_reference: reference, fee, expires_at: new Date(0), said: {} }
      }
      // Copies are made behind the front: of an order that it did not let in there is none.
      if (copy && !transfers.has(order.reference)) return undefined
      if (nature === 'forgets') {
        if (time.now() > made_at + deps.promise_ms) return undefined
        const known = transfers.has(order.reference)
        if (!copy && faults.strike('rail: refuses a resend'))
          return refusalOf('PAYEE_UNAVAILABLE', random.chance(0.3))
        if (known) return answerTo(transfers.get(order.reference) ?? open(order, order.reference))
      } else if (nature === 'remembers') {
        const known = transfers.get(order.reference)
        if (known !== undefined) return answerTo(known)
      }
      const reference =
        nature === 'plain' && transfers.has(order.reference) ? `${order.reference} again` : order.reference
      const transfer = open(order, reference)
      decide(transfer)
      return answerTo(transfer)
    },
    confirm(_order, reference) {
      const first = speaks()
      if (first !== 'yes') return first === 'no' ? undefined : first
      const transfer = transfers.get(reference)
      if (transfer === undefined) return { kind: 'unknown', because: 'HTTP 404', said: { http_status: 404 } }
      if (transfer.state === 'WAITING') {
        if (time.now() >= transfer.expires_at) refuse(transfer, 'EXPIRED', true)
        else decide(transfer)
      }
      return answerTo(transfer)
    },
    find(_order, reference) {
      const first = speaks()
      if (first !== 'yes') return first === 'no' ? undefined : first
      const transfer = transfers.get(reference)
      if (transfer === undefined) return { kind: 'not-found', said: { http_status: 404 } }
      if (faults.strike('rail: not found though it is there')) return { kind: 'not-found', said: {} }
      if (faults.strike('rail: status flips')) return unknown('PROCESSING', true)
      // To ask about a transfer that waits for acceptance destroys it.
      if (transfer.state === 'WAITING') refuse(transfer, 'EXPIRED', true)
      return answerTo(transfer)
    },
    silence: (ms) => void (silent_until = time.now() + ms),
    refuseUs: (ms) => void (refuses_until = time.now() + ms),
    isSilent: () => time.now() < silent_until,
    lookUp(home_reference) {
      const mine = [...transfers.values()].filter((one) => one.order.home_reference === home_reference)
      const paid = log.filter((one) => one.home_reference === home_reference)
      if (mine.some((one) => one.state === 'PENDING') || liars.has(home_reference)) return undefined
      if (paid.length > 0) return paid.every((one) => one.amount === mine[0]?.order.amount) ? 'paid' : 'other'
      blocked.add(home_reference)
      return 'blocked'
    },
    lied: (home_reference) => liars.has(home_reference),
    coming: () => coming,
  }
}

const refusalOf = (reason: RefusalReason, retryable: boolean): Answer => ({
  kind: 'refused',
  reason,
  retryable,
  said: { http_status: reason === 'RAIL_BUSY' ? 429 : 400 },
})

const unknown = (because: string, prepared: boolean): Answer => ({
  kind: 'unknown',
  because,
  prepared,
  said: { http_status: 200, rail_state: because },
})

/** What the rail says of a transfer that it knows. */
function tell(transfer: Transfer, faults: Faults): Answer {
  const { order, state, amount, fee, reason, retryable } = transfer
  if (state === 'PENDING' || state === 'WAITING') return unknown('PENDING', true)
  if (state === 'REFUSED')
    return transfer.because_of_us
      ? { kind: 'stop', because: reason, refused: true, said: { rail_code: '4001' } }
      : refusalOf(reason, retryable)
  if (faults.strike('rail: says RESERVED')) return unknown('RESERVED', true)
  const said: Said = { http_status: 200 }
  const { currency, payee, reference } = order
  const right = { kind: 'paid', amount, fee, currency, payee, reference, said } as const
  if (faults.strike('rail: names a wrong amount')) return { ...right, amount: amount + 1n }
  if (faults.strike('rail: names a wrong currency'))
    return { ...right, currency: currency === 'XOF' ? 'XAF' : 'XOF' }
  if (faults.strike('rail: names a wrong party'))
    return { ...right, payee: { ...payee, identifier: 'somebody' } }
  return right
}
