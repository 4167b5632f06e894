import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Counter, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

/** A registry with the process's own figures. Other modules add theirs to it. */
export function openMetrics(): Registry {
  const registry = new Registry()
  // The event-loop monitor's default of 10 ms would wake a resting process a hundred times a second.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 100 })
  return registry
}

/** Counts requests and their durations by route (its pattern, never the URL: ids would make endless series). */
export function countRequests(app: FastifyInstance, registry: Registry): void {
  const labelNames = ['method', 'route', 'status'] as const
  const requests = new Counter({
    name: 'cauri_http_requests_total',
    help: 'HTTP requests answered',
    labelNames,
    registers: [registry],
  })
  const durations = new Histogram({
    name: 'cauri_http_request_seconds',
    help: 'Time from the request to the end of its answer',
    labelNames,
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
    registers: [registry],
  })
  app.addHook('onResponse', (request, reply, done) => {
    const labels = { method: request.method, route: routeOf(request), status: String(reply.statusCode) }
    requests.inc(labels)
    durations.observe(labels, reply.elapsedTime / 1_000)
    done()
  })
}

/** The pattern of the matched route, or `unmatched`. */
export const routeOf = (request: FastifyRequest): string => request.routeOptions.url ?? 'unmatched'
