import type { FastifyInstance } from 'fastify'
import { maskNumbers, type Log } from '../log.ts'
import { routeOf } from './metrics.ts'

/** The trace id of a W3C traceparent header, if it is well-formed. */
const traceOf = (header: string | string[] | undefined): string | undefined =>
  typeof header === 'string' ? /^[\da-f]{2}-([\da-f]{32})-[\da-f]{16}-/.exec(header)?.[1] : undefined

/** One line for each answer: route and path (numbers masked), never a body, a query or a header's value. */
export function logRequests(app: FastifyInstance, log: Log): void {
  app.addHook('onResponse', (request, reply, done) => {
    const { statusCode: status } = reply
    const trace_id = traceOf(request.headers['traceparent'])
    const fields = {
      request_id: request.id,
      ...(trace_id === undefined ? {} : { trace_id }),
      method: request.method,
      route: routeOf(request),
      path: maskNumbers(request.url.split('?', 1)[0] ?? ''),
      status,
      ms: Math.round(reply.elapsedTime),
    }
    // 503 is an answer to a crowd or to a database that is away; whoever gave it has said so.
    if (status >= 500 && status !== 503) log.error(fields, 'answered')
    else if (routeOf(request) === '/health' || routeOf(request) === '/ready') log.debug(fields, 'answered')
    else log.info(fields, 'answered')
    done()
  })
  app.addHook('onRequestAbort', (request, done) => {
    log.info({ request_id: request.id, method: request.method, route: routeOf(request) }, 'the client left')
    done()
  })
}
