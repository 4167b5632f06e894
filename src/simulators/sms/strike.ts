import type { Clock } from '../clock.ts'
import type { Faults } from '../faults.ts'
import { JSON_TYPE, send } from '../http.ts'
import type { Exchange } from '../http.ts'
import type { SmsStrike } from './fault-kinds.ts'
import type { Phones } from './phones.ts'

/** What both providers need. */
export type SmsWorld = { readonly clock: Clock; readonly faults: Faults; readonly phones: Phones }

/** How a provider answers, in its own words, what the faults ask for. */
export type Answers = {
  readonly expired: () => void
  readonly noBalance: () => void
  readonly refused: () => void
  readonly ofAnother: (id: string) => void
}

const WAF_PAGE =
  '<html><head><title>Request Rejected</title></head><body>Support ID: 4402118921507784</body></html>'

export const sendPage = ({ res }: Exchange): void => send(res, 200, 'text/html', WAF_PAGE)

/** Does to one message what a fault says. `take` takes it and hands its id on. */
export function strikeMessage(
  { kind, hit }: SmsStrike,
  exchange: Exchange,
  { take, answers }: { readonly take: (done: (id: string) => void) => void; readonly answers: Answers },
): void {
  const { res } = exchange
  switch (kind) {
    case 'token_refused':
    case 'token_unreadable':
    case 'token_expired_mid_flight':
      return answers.expired()
    case 'insufficient_float':
      return answers.noBalance()
    case 'number_refused':
      return answers.refused()
    case 'http_500_no_create':
      return send(res, 500, JSON_TYPE, '{"message":"Internal Server Error"}')
    case 'http_500_after_accept':
      return take(() => send(res, 500, JSON_TYPE, '{"message":"Internal Server Error"}'))
    case 'http_503_429':
      return send(res, hit % 2 === 1 ? 503 : 429, JSON_TYPE, '{"message":"Try later"}')
    case 'init_lost_request':
      return void res.destroy()
    case 'init_lost_response':
      return take(() => void res.destroy())
    case 'silence':
      return
    case 'waf_html_200':
      return sendPage(exchange)
    case 'answer_of_another':
      return take(answers.ofAnother)
  }
}
