import type { Currency } from '../platform/money.ts'
import type { PartyType } from '../platform/party.ts'

export { partyTypes, type PartyType } from '../platform/party.ts'

/** How a payee or a payer is named on a rail. */
export type Party = { readonly type: PartyType; readonly identifier: string; readonly name?: string }

/** One order to pay, already committed on our side. The reference is ours; the rail may or may not take it. */
export type Order = {
  /** UUIDv4-shaped, fixed for this attempt: sent again, it is the same order. */
  readonly reference: string
  /** The customer's own id of the line, for the rail's statement only; never for deduplication. */
  readonly home_reference: string
  readonly amount: bigint
  readonly currency: Currency
  readonly payee: Party
  readonly payer: Party
  /** The fee above the amount that we accept, in minor units. */
  readonly fee_cap: bigint
  readonly note?: string
}

/** Why a rail refused, in our words; the same for every rail. The rail's own code is kept beside it. */
export const refusalReasons = [
  'PAYEE_NOT_FOUND',
  'PAYEE_REJECTED',
  'PAYEE_LIMIT',
  'PAYEE_BLOCKED',
  'PAYEE_UNAVAILABLE',
  'QUOTE_REFUSED',
  'FEE_ABOVE_CAP',
  'NAME_MISMATCH',
  'EXPIRED',
  'INVALID_ORDER',
  'RAIL_BUSY',
  'RAIL_ERROR',
] as const
export type RefusalReason = (typeof refusalReasons)[number]

/** What the rail said, with nothing that is not needed: kept as evidence. */
export type Said = {
  readonly http_status?: number
  readonly rail_code?: string
  readonly message?: string
  readonly rail_state?: string
}

/**
 * The answer of a rail to a call or to a query, already read. Only `paid` and `refused` are outcomes. `unknown` is
 * not failure: the money may have moved.
 */
export type Answer =
  /** The money has moved. `amount` is what the payee's side received, `fee` what it cost above that. */
  | {
      readonly kind: 'paid'
      readonly amount: bigint
      readonly fee: bigint
      readonly currency: Currency
      readonly payee: Party
      readonly reference: string
      readonly fulfilment?: string
      /** True when the rail did not say what it cost: `fee` is then 0 for want of a word. */
      readonly fee_unknown?: true
      readonly said: Said
    }
  /** The rail itself refused this reference: no money moved and none will under it. `retryable`: may pass later. */
  | {
      readonly kind: 'refused'
      readonly reason: RefusalReason
      readonly retryable: boolean
      readonly said: Said
    }
  /**
   * The outcome is not known: time-out, reset, something in between, a state that is not final. `prepared`: the rail
   * showed that the transfer does not wait for acceptance (any more), so that asking about it does no harm.
   */
  | { readonly kind: 'unknown'; readonly because: string; readonly prepared?: boolean; readonly said: Said }
  /** To a query only: the rail says that it has no such reference. Never a refusal by itself. */
  | { readonly kind: 'not-found'; readonly said: Said }
  /** The request never left: no connection was made. The same order may simply be sent later. */
  | { readonly kind: 'unsent'; readonly because: string; readonly said: Said }
  /**
   * It is about us (401, 403, no liquidity, wrong currency): stop the connection. The order stays as it was; but when
   * the rail itself has `refused` this very reference, it refuses it for ever, and the order needs a new attempt.
   */
  | { readonly kind: 'stop'; readonly because: string; readonly refused?: true; readonly said: Said }
  /** The rail made its own reference and waits for our word: commit `rail_reference`, then `confirm`. */
  | {
      readonly kind: 'quoted'
      readonly rail_reference: string
      readonly fee: bigint
      readonly expires_at: Date
      readonly said: Said
    }
  /** Paid, but not what was ordered: another amount, currency or party. For people to look at. */
  | { readonly kind: 'mismatch'; readonly because: string; readonly said: Said }

/** One outgoing rail. Implementations hold no database and no transaction; they never throw for what a rail does. */
export type PayoutRail = {
  readonly name: string
  /** Asks the rail once, before the first order, how it must be used; throws when it cannot be reached. */
  readonly probe: () => Promise<RailHabits>
  /**
   * Where other steps come before the one that moves money, `mayMove` is asked just before it: a worker that lost its
   * lease meanwhile must not take it. Answers `unsent` or `unknown` then.
   */
  readonly pay: (order: Order, mayMove?: () => boolean) => Promise<Answer>
  /** Second step where the rail made the reference (answer `quoted`). */
  readonly confirm: (order: Order, rail_reference: string) => Promise<Answer>
  /** Asks for the outcome of a reference (ours or the rail's). Moves no money. */
  readonly find: (order: Order, reference: string) => Promise<Answer>
  readonly close: () => Promise<void>
}

export type RailHabits = {
  /** True when a resend under the same reference cannot pay twice, because the rail deduplicates by it. */
  readonly deduplicates: boolean
  /** True when the rail makes the reference (answer `quoted` comes first, always). */
  readonly makes_reference: boolean
  /** One word for logs and for people: one-call, two-phase, stepwise. */
  readonly mode: string
}
