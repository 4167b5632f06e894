import type { Answer, Order, PayoutRail } from '../../src/connectors/index.ts'
import type { Random } from './random.ts'
import { actorOf, type Actor, type Stage } from './stage.ts'

/** How the outside world treats one payee; drawn beforehand, so that it does not depend on who asks when. */
export type Fate = {
  readonly does: 'pays' | 'refuses' | 'refuses once' | 'pays another amount' | 'pays with a fee'
  /** What becomes of the first sendings: the request is lost, arrives late, or its answer is lost. */
  readonly wire: readonly ('well' | 'request lost' | 'request late' | 'answer lost')[]
}

export type Payment = {
  readonly payee: string
  readonly reference: string
  readonly amount: bigint
  readonly fee: bigint
}

/** The outside world of one schedule: it remembers every reference, and what it has paid. */
export type Outside = {
  readonly paid: readonly Payment[]
  /** A reference that came a second time with other terms: a bug of ours. */
  readonly wrong: readonly string[]
  /** The rail as one actor reaches it: each call leaves when the stage grants it, and is answered at another step. */
  readonly railOf: (stage: Stage, actor: Actor) => PayoutRail
}

type Known = {
  readonly order: Order
  readonly outcome: 'paid' | 'refused' | 'refused for a while'
  readonly amount: bigint
  readonly fee: bigint
}

export const fateOf = (random: Random): Fate => ({
  does: random.chance(0.55)
    ? 'pays'
    : random.pick([
        'pays',
        'refuses',
        'refuses once',
        'refuses once',
        'pays another amount',
        'pays with a fee',
      ] as const),
  wire: [0, 1].map(() =>
    random.chance(0.6)
      ? 'well'
      : random.pick(['request lost', 'request late', 'answer lost', 'answer lost'] as const),
  ),
})

const said = {}

/** `makes_reference`: the rail makes its own reference, and moves money when it is confirmed. */
export function openOutside(fates: ReadonlyMap<string, Fate>, makes_reference: boolean): Outside {
  const memory = openMemory(fates)
  const { paid, wrong, known, arrive } = memory
  const quotes = new Map<string, Order>()
  const tries = new Map<string, number>()

  const railOf = (stage: Stage, actor: Actor): PayoutRail => {
    /** Sends an order that moves money, with what the wire does to it. */
    const send = async (reference: string, order: Order): Promise<Answer> => {
      await stage.step(actor, 'rail: the order is written to the socket')
      const payee = order.payee.identifier
      const nth = tries.get(payee) ?? 0
      tries.set(payee, nth + 1)
      const wire = fates.get(payee)?.wire[nth] ?? 'well'
      if (wire === 'request late') stage.clockOf(network).after(LATE_MS, () => arrive(reference, order))
      const answer: Answer =
        wire === 'request lost' || wire === 'request late'
          ? { kind: 'unknown', because: 'time-out', said }
          : answerOf(arrive(reference, order), reference)
      await stage.step(actor, 'rail: its answer is read')
      return wire === 'answer lost' ? { kind: 'unknown', because: 'reset', said } : answer
    }
    const mode = makes_reference ? 'two-phase' : 'one-call'
    return {
      name: 'outside',
      probe: () => Promise.resolve({ deduplicates: !makes_reference, makes_reference, mode }),
      pay: async (order, mayMove) => {
        if (!makes_reference) return send(order.reference, order)
        await stage.step(actor, 'rail: a quote is asked for')
        if (mayMove?.() === false) return { kind: 'unsent', because: 'the lease is over', said }
        const rail_reference = `theirs-${quotes.size + 1}`
        quotes.set(rail_reference, order)
        return { kind: 'quoted', rail_reference, fee: 0n, expires_at: new Date(0), said }
      },
      confirm: (order, rail_reference) => send(rail_reference, order),
      find: async (order, reference) => {
        await stage.step(actor, 'rail: a question is asked')
        const record = known.get(reference)
        if (record === undefined) return { kind: 'not-found', said }
        return answerOf({ ...record, order }, reference)
      },
      close: () => Promise.resolve(),
    }
  }
  return { paid, wrong, railOf }
}

/** A request that is late is so by more than the rail's own delay before «not found» means anything. */
const LATE_MS = 4_000

/** The network between: no process of ours, so what it carries arrives whoever is dead. */
const network: Actor = actorOf('the network', 'the network', true)

const answerOf = ({ order, outcome, amount, fee }: Known, reference: string): Answer =>
  outcome === 'paid'
    ? { kind: 'paid', amount, fee, currency: order.currency, payee: order.payee, reference, said }
    : {
        kind: 'refused',
        reason: outcome === 'refused' ? 'PAYEE_REJECTED' : 'RAIL_BUSY',
        retryable: outcome !== 'refused',
        said,
      }

type Memory = Pick<Outside, 'paid' | 'wrong'> & {
  readonly known: ReadonlyMap<string, Known>
  /** A request arrives: once and for all for its reference. */
  readonly arrive: (reference: string, order: Order) => Known
}

function openMemory(fates: ReadonlyMap<string, Fate>): Memory {
  const known = new Map<string, Known>()
  const refused = new Set<string>()
  const paid: Payment[] = []
  const wrong: string[] = []
  const first = (reference: string, order: Order): Known => {
    const payee = order.payee.identifier
    const does = fates.get(payee)?.does ?? 'pays'
    const fee = does === 'pays with a fee' ? 7n : 0n
    const amount = does === 'pays another amount' ? order.amount - 1n : order.amount
    if (does === 'refuses') return { order, outcome: 'refused', amount, fee }
    if (does === 'refuses once' && !refused.has(payee)) {
      refused.add(payee)
      return { order, outcome: 'refused for a while', amount, fee }
    }
    paid.push({ payee, reference, amount, fee })
    return { order, outcome: 'paid', amount, fee }
  }
  const arrive = (reference: string, order: Order): Known => {
    const before = known.get(reference)
    if (before === undefined) {
      const record = first(reference, order)
      known.set(reference, record)
      return record
    }
    const { amount, payee } = before.order
    if (amount !== order.amount || payee.identifier !== order.payee.identifier)
      wrong.push(`${reference} came again as another order`)
    return before
  }
  return { known, paid, wrong, arrive }
}
