import type { Order, RefusalReason } from '../../src/connectors/index.ts'
import type { Currency } from '../../src/platform/money.ts'
import type { World } from './plan.ts'

/** One line of the rail's own log, which judges: money that really left. */
export type Payment = {
  readonly home_reference: string
  readonly reference: string
  readonly amount: bigint
  readonly fee: bigint
  readonly currency: Currency
  readonly party: string
}

/** What the rail has accepted, and what became of it. */
export type Transfer = {
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

/** The rail's own books. */
export type Books = World & {
  /** By the reference that the rail knows them by. */
  readonly transfers: Map<string, Transfer>
  readonly log: Payment[]
  /** Orders for which the rail's staff lets nothing through any more. */
  readonly blocked: Set<string>
  /** Orders about which the rail broke its own word: refused them and paid. */
  readonly liars: Set<string>
  /** Effects that are still to come. */
  coming: number
}

export const openBooks = (world: World): Books => ({
  ...world,
  transfers: new Map(),
  log: [],
  blocked: new Set(),
  liars: new Set(),
  coming: 0,
})

/** Writes down an order that the rail lets in, with what it will cost. */
export function enter(books: Books, order: Order, reference: string): Transfer {
  const { faults, transfers } = books
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

/** Ends a transfer without a payment. */
export function refuse(transfer: Transfer, reason: RefusalReason, retryable: boolean): void {
  transfer.state = 'REFUSED'
  transfer.reason = reason
  transfer.retryable = retryable
}

/** What becomes of an order that the rail has accepted. */
export function decide(books: Books, transfer: Transfer): void {
  const { random, faults, liars } = books
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
    return later(books, random.between(0, 8_000), () => execute(books, transfer))
  }
  if (faults.strike('rail: pays a wrong amount')) transfer.amount += 1n
  transfer.state = 'PENDING'
  if (faults.strike('rail: never final')) return
  if (faults.strike('rail: effect late')) {
    const refuses = random.chance(0.3)
    return later(books, random.between(100, 15_000), () =>
      refuses ? refuse(transfer, 'PAYEE_LIMIT', random.chance(0.5)) : execute(books, transfer),
    )
  }
  execute(books, transfer)
}

function execute(books: Books, transfer: Transfer): void {
  const { order, reference, amount, fee } = transfer
  const { home_reference, currency, payee } = order
  if (books.blocked.has(home_reference)) {
    transfer.state = 'REFUSED'
    return
  }
  transfer.state = 'PAID'
  books.time.mark('paid')
  books.log.push({ home_reference, reference, amount, fee, currency, party: payee.identifier })
}

function later(books: Books, ms: number, effect: () => void): void {
  books.coming += 1
  books.time.after(ms, 'effect', () => {
    books.coming -= 1
    effect()
  })
}

/** What the rail's staff finds: all of an order paid, other money than that, or nothing, and then it is blocked. */
export type Found = 'paid' | 'other' | 'blocked'

/** The rail's staff looks: what it paid for this order; when nothing, it blocks what may still arrive. Undefined: open. */
export function lookUp(books: Books, home_reference: string): Found | undefined {
  const mine = [...books.transfers.values()].filter((one) => one.order.home_reference === home_reference)
  const paid = books.log.filter((one) => one.home_reference === home_reference)
  if (mine.some((one) => one.state === 'PENDING') || books.liars.has(home_reference)) return undefined
  if (paid.length > 0) return paid.every((one) => one.amount === mine[0]?.order.amount) ? 'paid' : 'other'
  books.blocked.add(home_reference)
  return 'blocked'
}
