import type { ServerResponse } from 'node:http'
import { JSON_TYPE, send } from '../http.ts'
import type { Strike } from '../faults.ts'
import { httpDateOf } from './dates.ts'
import { pause } from './world.ts'
import type { Reply, World } from './world.ts'

const WAF_PAGE =
  '<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. Please consult with your administrator.<br><br>Your support ID is: 4402118921507784</body></html>'

const PLAIN_500 = '{"message":"Internal Server Error","statusCode":"500"}'

/**
 * Does to one HTTP call what a fault of the catalogue says. `run` executes the call and answers through the reply that
 * it is given; some faults never run it, others replace its answer.
 */
export function strikeCall(
  world: World,
  strike: Exclude<Strike, { readonly kind: 'scenario' }>,
  res: ServerResponse,
  run: (reply: Reply) => void,
): void {
  const answer = replyTo(res)
  switch (strike.kind) {
    case 'init_lost_request':
      res.destroy()
      return
    case 'init_lost_response':
      return run(() => res.destroy())
    case 'http_500_after_accept':
      return run(() => answer(500, PLAIN_500))
    case 'http_500_no_create':
      return answer(500, PLAIN_500)
    case 'http_503_429':
      return answerBusy(res, strike.hit % 2 === 1 ? 503 : 429)
    case 'maintenance_window':
      return answerBusy(res, 503)
    case 'token_expired_mid_flight':
    case 'wrong_subscription_or_ip':
      return answer(401, '{"message":"Unauthorized","statusCode":401}')
    case 'waf_html_200':
      // Odd strikes hide a payment that was made, even ones a payment that was not.
      if (strike.hit % 2 === 1) return run(() => answer(200, WAF_PAGE, 'text/html'))
      return answer(200, WAF_PAGE, 'text/html')
    case 'slow_responses':
      return run((status, body, type) =>
        pause(world, (strike.delay_s ?? 35) * 1000, () => answer(status, body, type)),
      )
    case 'clock_skew':
      res.setHeader('Date', httpDateOf(world.clock.now() - 600_000))
      return run(answer)
    case 'status_endpoint_lies':
      return run(answer)
  }
}

function answerBusy(res: ServerResponse, status: number): void {
  res.setHeader('Retry-After', '1')
  replyTo(res)(status, `{"message":"${status === 429 ? 'Too Many Requests' : 'Service Unavailable'}"}`)
}

/** Answers over HTTP; 204 has no body. */
export const replyTo =
  (res: ServerResponse): Reply =>
  (status, body, type = JSON_TYPE) => {
    if (status !== 204) return send(res, status, type, body)
    if (res.destroyed || res.writableEnded) return
    res.writeHead(204)
    res.end()
  }
