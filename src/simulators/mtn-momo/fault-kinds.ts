export type MtnOperation = 'payout' | 'status' | 'token'

const CALLS = ['payout', 'status', 'token'] as const

/** The faults of the simulated MTN MoMo, and where each may act: at the first place unless the rule names another. */
export const mtnFaults = {
  /** The connection is cut before, or after, the call was carried out. */
  init_lost_request: CALLS,
  init_lost_response: CALLS,
  http_500_no_create: CALLS,
  http_500_after_accept: CALLS,
  /** Odd strikes answer 503, even ones 429; nothing was carried out. */
  http_503_429: CALLS,
  /** Carried out and answered `delay_s` later (1). */
  slow_responses: CALLS,
  /** Neither carried out nor answered. */
  silence: CALLS,
  /** Not carried out, and a page of a gateway with 200. */
  waf_html_200: CALLS,
  /** Carried out; the answer is half a JSON text. */
  malformed: CALLS,
  /** 401 (only this token is worth nothing any more) and 403: nothing was carried out. */
  token_expired_mid_flight: ['payout', 'status'],
  wrong_subscription_or_ip: CALLS,
  /** Taken, and PENDING for ever; or ended as our empty wallet ends it; or paid with one franc more, or to somebody else. */
  pending_forever: ['payout'],
  insufficient_float: ['payout'],
  amount_mismatch: ['payout'],
  party_mismatch: ['payout'],
  /** Says that it does not know the payment. */
  status_endpoint_lies: ['status'],
  /** `reason` as an object, and `transactionStatus` in place of `status`. */
  shape_variants: ['status'],
} as const satisfies Readonly<Record<string, readonly MtnOperation[]>>
export type MtnFault = keyof typeof mtnFaults

export const isMtnFault = (kind: string): kind is MtnFault => Object.hasOwn(mtnFaults, kind)

export type MtnStrike = { readonly kind: MtnFault; readonly hit: number; readonly delay_s?: number }

const placesOf = (kind: MtnFault): readonly MtnOperation[] => mtnFaults[kind]

/** Whether a rule for this kind acts at an operation. `payout` is also what a rule says that names no operation. */
export function actsAtMtn(kind: MtnFault, named: string, operation: MtnOperation): boolean {
  const places = placesOf(kind)
  if (!places.includes(operation)) return false
  if (named === 'any' || named === operation) return true
  return named === 'payout' && !places.includes('payout') && places[0] === operation
}
