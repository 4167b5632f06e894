/** The faults of the simulated SMS providers, and where each acts: at the token, or at the message. */
export const smsFaults = {
  /** The credentials are refused. */
  token_refused: 'token',
  /** A page of a gateway in place of the token. */
  token_unreadable: 'token',
  /** 401 for a token that was good a moment ago. */
  token_expired_mid_flight: 'message',
  /** No balance left. */
  insufficient_float: 'message',
  /** This number is refused for good. */
  number_refused: 'message',
  http_500_no_create: 'message',
  http_500_after_accept: 'message',
  /** Odd strikes answer 503, even ones 429. */
  http_503_429: 'message',
  /** The connection is cut before, or after, the message was taken. */
  init_lost_request: 'message',
  init_lost_response: 'message',
  /** Neither taken nor answered. */
  silence: 'message',
  /** Not taken, and a page of a gateway with 200. */
  waf_html_200: 'message',
  /** Taken, and answered without its id, or about another number. */
  answer_of_another: 'message',
} as const
export type SmsFault = keyof typeof smsFaults

export const isSmsFault = (kind: string): kind is SmsFault => Object.hasOwn(smsFaults, kind)

export type SmsStrike = { readonly kind: SmsFault; readonly hit: number }
