import { doneAt } from '../mojaloop/hub-records.ts'
import type { MtnPayment } from '../mtn-momo/payments.ts'
import type { Refund, Transfer } from '../mojaloop/hub-records.ts'

/** One movement of money in the outside world; `amount` without fee. */
export type Payment = {
  readonly rail: 'mojaloop' | 'mtn-momo'
  readonly operation: 'payout' | 'refund'
  readonly reference: string
  readonly party: string
  readonly amount: number
  readonly currency: string
  /** ISO 8601. */
  readonly at: string
}

export type PaidPage = { readonly payments: readonly Payment[]; readonly next: string | null }

export const PAGE = 10_000

export const isRefund = (entry: Transfer | Refund): entry is Refund => 'of' in entry
export const transferOf = (entry: Transfer | Refund): Transfer => (isRefund(entry) ? entry.of : entry)
const timeOf = (entry: Transfer | Refund): number => (isRefund(entry) ? entry.at : doneAt(entry))

type Filter = { readonly since?: string; readonly rail?: string; readonly reference?: string }

/** How a rail's entries are read. */
type Reading<T> = {
  readonly timeOf: (entry: T) => number
  readonly referenceOf: (entry: T) => string
  readonly viewOf: (entry: T) => Payment
}

/** What was paid through Mojaloop: all there is without `rail`. */
export const listPaid = (paid: readonly (Transfer | Refund)[], filter: Filter): PaidPage | string =>
  filter.rail === undefined || filter.rail === 'mojaloop'
    ? pageOf(paid, filter, {
        timeOf,
        referenceOf: (entry) => transferOf(entry).id,
        viewOf: paymentOf,
      })
    : pageOf([], filter, { timeOf, referenceOf: () => '', viewOf: paymentOf })

/** What was paid through MTN MoMo. */
export const listMtnPaid = (paid: readonly MtnPayment[], filter: Filter): PaidPage | string =>
  pageOf(paid, filter, {
    timeOf: (one) => one.ends_at ?? one.at,
    referenceOf: (one) => one.reference,
    viewOf: (one) => ({
      rail: 'mtn-momo',
      operation: 'payout',
      reference: one.reference,
      party: one.end.status === 'SUCCESSFUL' ? one.end.party : one.party,
      amount: one.end.status === 'SUCCESSFUL' ? one.end.amount : one.amount,
      currency: one.currency,
      at: new Date(one.ends_at ?? one.at).toISOString(),
    }),
  })

/**
 * A page of what was paid, oldest first. `since` is the `next` of an earlier page (a place in the log) or an ISO time.
 * `next` is null on the last page. Gives a sentence when `since` is neither.
 */
function pageOf<T>(
  paid: readonly T[],
  filter: Filter,
  { timeOf: at, referenceOf, viewOf }: Reading<T>,
): PaidPage | string {
  const { since = '0', reference } = filter
  const is_place = /^\d{1,15}$/.test(since)
  const time = is_place ? 0 : Date.parse(since)
  if (Number.isNaN(time)) return 'since must be the next of an earlier page or an ISO 8601 time'
  const payments: Payment[] = []
  let i = is_place ? Number(since) : 0
  for (; i < paid.length && payments.length < PAGE; i++) {
    const entry = paid[i]
    if (entry === undefined || at(entry) < time) continue
    if (reference !== undefined && referenceOf(entry) !== reference) continue
    payments.push(viewOf(entry))
  }
  return { payments, next: i < paid.length ? String(i) : null }
}

export function paymentOf(entry: Transfer | Refund): Payment {
  const transfer = transferOf(entry)
  return {
    rail: 'mojaloop',
    operation: isRefund(entry) ? 'refund' : 'payout',
    reference: transfer.id,
    party: transfer.party,
    amount: transfer.amount,
    currency: transfer.terms.currency,
    at: new Date(timeOf(entry)).toISOString(),
  }
}

export type Wallet = { readonly party: string; readonly currency: string; readonly balance: number }

/** What the simulated wallets hold of what was paid to them (and taken back); at most 10,000 without a party. */
export function listWallets(paid: readonly (Transfer | Refund)[], party?: string): readonly Wallet[] {
  const balances = new Map<string, Wallet>()
  for (const entry of paid) {
    const transfer = transferOf(entry)
    if (party !== undefined && transfer.party !== party) continue
    const { currency } = transfer.terms
    const key = `${transfer.party} ${currency}`
    const balance = (balances.get(key)?.balance ?? 0) + (isRefund(entry) ? -transfer.amount : transfer.amount)
    if (balances.has(key) || balances.size < PAGE)
      balances.set(key, { party: transfer.party, currency, balance })
  }
  return [...balances.values()]
}
