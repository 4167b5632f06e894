import type { Clock } from '../clock.ts'
import { JSON_TYPE, send } from '../http.ts'
import type { Exchange } from '../http.ts'
import type { SmileIdStrike } from './fault-kinds.ts'

export type Answer = { readonly status: number; readonly body: unknown }
export type Respond = (answer: Answer) => void

const WAF_PAGE =
  '<html><head><title>Request Rejected</title></head><body>Support ID: 4402118921507784</body></html>'
const TOO_MUCH = ' '.repeat(4_000_000)

export const refusalOf = (status: number): Answer => {
  const texts: Readonly<Record<number, readonly [string, string]>> = {
    401: ['Unauthorized', 'Invalid authentication credentials.'],
    402: ['Payment Required', 'Insufficient wallet balance.'],
    403: ['Forbidden', 'IP address not allowed.'],
    413: ['Content Too Large', 'The request payload exceeds the maximum allowed size of 4.5MB.'],
    415: ['Unsupported Media Type', 'Unsupported Media Type. Required Content-Type is multipart/form-data'],
    429: ['Too Many Requests', 'Rate limit exceeded. Please try again later.'],
    500: ['Internal Server Error', 'An unexpected error occurred. Please try again or contact support.'],
    503: ['Service Unavailable', 'Please try again later.'],
  }
  const [title, message] = texts[status] ?? ['Error', 'Error']
  return { status, body: { status: title, message } }
}

/**
 * Carries a call out under the fault that strikes it, if any: `work` does it and gives its answer. Faults that concern what is
 * decided or asked, not the call itself, are for the caller.
 */
export function strikeCall(
  strike: SmileIdStrike | undefined,
  exchange: Exchange,
  { clock, work }: { readonly clock: Clock; readonly work: (respond: Respond) => void },
): void {
  const { res } = exchange
  const respond: Respond = ({ status, body }) => send(res, status, JSON_TYPE, JSON.stringify(body))
  switch (strike?.kind) {
    case 'init_lost_request':
      return void res.destroy()
    case 'init_lost_response':
      return work(() => void res.destroy())
    case 'http_500_no_create':
      return respond(refusalOf(500))
    case 'http_500_after_accept':
      return work(() => respond(refusalOf(500)))
    case 'http_503_429':
      return respond(refusalOf(strike.hit % 2 === 1 ? 503 : 429))
    case 'slow_responses':
      return void clock.after((strike.delay_s ?? 1) * 1_000, () => work(respond))
    case 'silence':
      return
    case 'waf_html_200':
      return send(res, 200, 'text/html', WAF_PAGE)
    case 'malformed':
      return work(({ status, body }) => {
        const text = JSON.stringify(body)
        send(res, status, JSON_TYPE, text.slice(0, text.length >> 1))
      })
    case 'oversized':
      return work(({ status, body }) => send(res, status, JSON_TYPE, JSON.stringify(body) + TOO_MUCH))
    case 'token_expired_mid_flight':
      return respond(refusalOf(401))
    case 'insufficient_float':
      return respond(refusalOf(402))
    case 'wrong_subscription_or_ip':
      return respond(refusalOf(403))
    default:
      return work(respond)
  }
}
