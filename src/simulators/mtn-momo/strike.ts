import type { Clock } from '../clock.ts'
import { JSON_TYPE, send } from '../http.ts'
import type { Exchange } from '../http.ts'
import type { MtnStrike } from './fault-kinds.ts'

/** `body` undefined: an answer without one. */
export type Answer = { readonly status: number; readonly body: object | undefined }
export type Respond = (answer: Answer) => void

const WAF_PAGE =
  '<html><head><title>Request Rejected</title></head><body>Support ID: 4402118921507784</body></html>'

/** Carries a call out under the fault that strikes it, if any. Faults of what is paid or asked are for `work`. */
export function strikeCall(
  strike: MtnStrike | undefined,
  { res }: Exchange,
  { clock, work }: { readonly clock: Clock; readonly work: (respond: Respond) => void },
): void {
  const respond: Respond = ({ status, body }) =>
    send(res, status, JSON_TYPE, body === undefined ? '' : JSON.stringify(body))
  const fault = (status: number, code: string): void => respond({ status, body: { code, message: code } })
  switch (strike?.kind) {
    case 'init_lost_request':
      return void res.destroy()
    case 'init_lost_response':
      return work(() => void res.destroy())
    case 'http_500_no_create':
      return fault(500, 'INTERNAL_PROCESSING_ERROR')
    case 'http_500_after_accept':
      return work(() => fault(500, 'INTERNAL_PROCESSING_ERROR'))
    case 'http_503_429':
      return strike.hit % 2 === 1 ? fault(503, 'SERVICE_UNAVAILABLE') : fault(429, 'TOO_MANY_REQUESTS')
    case 'slow_responses':
      return void clock.after((strike.delay_s ?? 1) * 1_000, () => work(respond))
    case 'silence':
      return
    case 'waf_html_200':
      return send(res, 200, 'text/html', WAF_PAGE)
    case 'malformed':
      return work(({ status, body }) => {
        const text = JSON.stringify(body ?? { half: 'of it' })
        send(res, status, JSON_TYPE, text.slice(0, text.length >> 1))
      })
    case 'token_expired_mid_flight':
      return fault(401, 'UNAUTHORIZED')
    case 'wrong_subscription_or_ip':
      return fault(403, 'FORBIDDEN')
    default:
      return work(respond)
  }
}
