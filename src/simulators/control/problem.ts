import { refusals } from '../../platform/errors.ts'
import type { RefusalCode } from '../../platform/errors.ts'
import { send } from '../http.ts'
import type { Exchange } from '../http.ts'

export type ControlFault = { readonly pointer: string; readonly detail: string }

/** Answers a refusal of the control API as a problem document (RFC 9457), in the caller's language where it has one. */
export function sendProblem(
  exchange: Exchange,
  code: RefusalCode,
  detail: string,
  errors: readonly ControlFault[] = [],
): void {
  const { status, en, fr } = refusals[code]
  const is_french = /^fr\b/i.test(String(exchange.headers['accept-language'] ?? ''))
  const problem = { type: 'about:blank', title: is_french ? fr : en, status, detail, code, errors }
  send(exchange.res, status, 'application/problem+json', JSON.stringify(problem))
}
