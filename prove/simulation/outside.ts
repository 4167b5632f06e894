import type { Answer, Order } from '../../src/connectors/index.ts'
import { pending, refusalOf, tell } from './answers.ts'
import { decide, enter, lookUp, openBooks, refuse, type Books, type Found, type Payment } from './books.ts'
import type { Nature } from './nature.ts'
import type { World } from './plan.ts'
import type { Time } from './time.ts'

/** How an order comes to the rail. */
export type Arrival = {
  /** How the worker that made it uses the rail. */
  readonly nature: Nature
  readonly made_at: number
  /** True of one that the network delivers again: it has passed the front. */
  readonly copy: boolean
}

export type Outside = {
  readonly log: readonly Payment[]
  /** Each answers undefined when the rail says nothing. */
  readonly pay: (order: Order, arrival: Arrival) => Answer | undefined
  readonly confirm: (reference: string) => Answer | undefined
  readonly find: (reference: string) => Answer | undefined
  readonly silence: (ms: number) => void
  readonly refuseUs: (ms: number) => void
  readonly isSilent: () => boolean
  /** The rail's staff looks at an order; see `lookUp` of the books. */
  readonly lookUp: (home_reference: string) => Found | undefined
  /** True when the rail broke its own word about this order: refused it and paid. */
  readonly lied: (home_reference: string) => boolean
  /** Effects that are still to come. */
  readonly coming: () => number
}

/** The rail, and its staff. */
export function openOutside(world: World): Outside {
  const books = openBooks(world)
  const front = openFront(world.time)
  return {
    log: books.log,
    pay: (order, arrival) =>
      front.lets(() => {
        if (books.blocked.has(order.home_reference)) return refusalOf('PAYEE_BLOCKED', false)
        return arrival.nature === 'two-phase' ? quote(books, order) : accept(books, order, arrival)
      }),
    confirm: (reference) => front.lets(() => confirm(books, reference)),
    find: (reference) => front.lets(() => find(books, reference)),
    silence: front.silence,
    refuseUs: front.refuseUs,
    isSilent: front.isSilent,
    lookUp: (home_reference) => lookUp(books, home_reference),
    lied: (home_reference) => books.liars.has(home_reference),
    coming: () => books.coming,
  }
}

type Front = Pick<Outside, 'silence' | 'refuseUs' | 'isSilent'> & {
  /** What the rail answers where it is reached and lets us in. */
  readonly lets: (answer: () => Answer | undefined) => Answer | undefined
}

function openFront(time: Time): Front {
  let silent_until = 0
  let refuses_until = 0
  const isSilent = (): boolean => time.now() < silent_until
  return {
    silence: (ms) => void (silent_until = time.now() + ms),
    refuseUs: (ms) => void (refuses_until = time.now() + ms),
    isSilent,
    lets(answer) {
      if (isSilent()) return undefined
      if (time.now() < refuses_until) return { kind: 'stop', because: 'HTTP 401', said: { http_status: 401 } }
      return answer()
    },
  }
}

/** The first of two phases: a transfer under the rail's own reference, which waits for our yes. */
function quote(books: Books, order: Order): Answer {
  const { time, faults, transfers } = books
  if (faults.strike('rail: refuses for good')) return refusalOf('PAYEE_NOT_FOUND', false)
  if (faults.strike('rail: refuses for a while')) return refusalOf('QUOTE_REFUSED', true)
  const transfer = enter(books, order, `rail-${transfers.size + 1}`)
  transfer.state = 'WAITING'
  transfer.expires_at = time.now() + books.plan.settings.expiry_ms
  const { reference, fee } = transfer
  // We say no to such a quote, so nobody says yes.
  if (fee > order.fee_cap) return refusalOf('FEE_ABOVE_CAP', false)
  return { kind: 'quoted', rail_reference: reference, fee, expires_at: new Date(0), said: {} }
}

/** An order in one call, under our reference: executed, unless the rail knows it and deduplicates. */
function accept(books: Books, order: Order, { nature, made_at, copy }: Arrival): Answer | undefined {
  const { time, random, faults, transfers } = books
  const known = transfers.get(order.reference)
  // Copies are made behind the front: of an order that it did not let in there is none.
  if (copy && known === undefined) return undefined
  if (nature === 'forgets') {
    if (time.now() > made_at + books.plan.promise_ms) return undefined
    if (!copy && faults.strike('rail: refuses a resend'))
      return refusalOf('PAYEE_UNAVAILABLE', random.chance(0.3))
  }
  if (known !== undefined && nature !== 'plain') return tell(known, faults)
  const transfer = enter(books, order, known === undefined ? order.reference : `${order.reference} again`)
  decide(books, transfer)
  return tell(transfer, faults)
}

/** The second of two phases. */
function confirm(books: Books, reference: string): Answer {
  const { time, faults, transfers } = books
  const transfer = transfers.get(reference)
  if (transfer === undefined) return { kind: 'unknown', because: 'HTTP 404', said: { http_status: 404 } }
  if (transfer.state === 'WAITING') {
    if (time.now() >= transfer.expires_at) refuse(transfer, 'EXPIRED', true)
    else decide(books, transfer)
  }
  return tell(transfer, faults)
}

function find(books: Books, reference: string): Answer {
  const { faults, transfers } = books
  const transfer = transfers.get(reference)
  if (transfer === undefined) return { kind: 'not-found', said: { http_status: 404 } }
  if (faults.strike('rail: not found though it is there')) return { kind: 'not-found', said: {} }
  if (faults.strike('rail: status flips')) return pending('PROCESSING')
  // To ask about a transfer that waits for acceptance destroys it.
  if (transfer.state === 'WAITING') refuse(transfer, 'EXPIRED', true)
  return tell(transfer, faults)
}
