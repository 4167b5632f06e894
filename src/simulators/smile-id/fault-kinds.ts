export type SmileIdOperation = 'submit' | 'upload' | 'status' | 'token' | 'callback'

const CALLS = ['submit', 'upload', 'status', 'token'] as const

/** The faults of the simulated Smile ID, and where each may act: at the first place unless the rule names another. */
export const smileIdFaults = {
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
  /** Carried out; the answer is half a JSON text, or longer than anybody should read. */
  malformed: CALLS,
  oversized: CALLS,
  /** 401, 402 (the wallet is empty), 403: nothing was carried out. */
  token_expired_mid_flight: ['submit', 'status', 'token'],
  insufficient_float: ['submit'],
  wrong_subscription_or_ip: ['submit', 'status', 'token'],
  /** Taken, and never decided. */
  pending_forever: ['submit'],
  /** First what a machine thinks, then what people say (V1). */
  provisional_first: ['submit'],
  /** Decided at once, and the callback goes out before the answer. */
  callback_before_response: ['submit'],
  /** Says that it does not know the job. */
  status_endpoint_lies: ['status'],
  /** An answer signed with another key (V1), or about another job or person. */
  wrong_signature: ['status'],
  answer_of_another: ['status'],
  callback_lost: ['callback'],
  callback_duplicate: ['callback'],
  /** `delay_s` late (60). */
  callback_late: ['callback'],
  /** In its place: with a wrong signature and another verdict; with a good signature of an hour ago; with another verdict. */
  callback_forged: ['callback'],
  callback_replayed: ['callback'],
  callback_contradicting: ['callback'],
} as const satisfies Readonly<Record<string, readonly SmileIdOperation[]>>
export type SmileIdFault = keyof typeof smileIdFaults

export const isSmileIdFault = (kind: string): kind is SmileIdFault => Object.hasOwn(smileIdFaults, kind)

export type SmileIdStrike = {
  readonly kind: SmileIdFault
  readonly hit: number
  readonly delay_s?: number
}

const placesOf = (kind: SmileIdFault): readonly SmileIdOperation[] => smileIdFaults[kind]

/** Whether a rule for this kind acts at an operation. `payout` is what a rule says that names no operation. */
export function actsAt(kind: SmileIdFault, named: string, operation: SmileIdOperation): boolean {
  const places = placesOf(kind)
  if (named === 'payout') return places[0] === operation
  return (named === 'any' || named === operation) && places.includes(operation)
}

export const mayAct = (kind: SmileIdFault, named: string): boolean =>
  named === 'payout' || named === 'any' || placesOf(kind).some((place) => place === named)
