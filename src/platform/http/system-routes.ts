import type { FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { Refusal } from '../errors.ts'
import { openTo } from './access.ts'
import { defineRoute, type Route } from './route.ts'
import { isDirectLoopback } from './sandbox-trust.ts'

/** Named questions to what the process needs; each answers `true`, or one word on what is wrong. */
export type ReadyChecks = Readonly<Record<string, () => Promise<true | string>>>

const CHECK_DEADLINE_MS = 2_000
const alive = z.object({ status: z.literal('alive') })

/** `/health` and its older spelling (alive), `/ready` (able to serve). */
export function systemRoutes(checks: ReadyChecks): readonly Route[] {
  const health = (path: string): Route =>
    defineRoute({
      method: 'GET',
      path,
      summary: 'Alive: the process answers',
      tags: ['system'],
      access: openTo('system'),
      response: { 200: alive },
      refusals: [],
      handle: async () => ({ status: 200, body: { status: 'alive' } }),
    })
  const ready = defineRoute({
    method: 'GET',
    path: '/ready',
    summary: 'Ready: everything that is needed to serve answers',
    tags: ['system'],
    access: openTo('system'),
    response: { 200: z.object({ status: z.literal('ready'), checks: z.record(z.string(), z.string()) }) },
    refusals: ['UNAVAILABLE'],
    handle: async () => {
      const results = await Promise.all(Object.entries(checks).map(ask))
      const body = Object.fromEntries(results)
      if (results.some(([, said]) => said !== 'ok'))
        throw new Refusal('UNAVAILABLE', { members: { checks: body }, retry_after_s: 2 })
      return { status: 200, body: { status: 'ready', checks: body } }
    },
  })
  return [health('/health'), health('/api/core/health'), ready]
}

async function ask([name, check]: [string, () => Promise<true | string>]): Promise<[string, string]> {
  const late = new Promise<string>((resolve) => {
    setTimeout(() => resolve('no answer'), CHECK_DEADLINE_MS).unref()
  })
  // A check that throws is an answer here: the name says what is broken, the log of its owner says why.
  const said = await Promise.race([check().catch(() => 'failed'), late])
  return [name, said === true ? 'ok' : said]
}

/** `/metrics` in Prometheus' text form. In production only for this machine: the figures describe the business. */
export function serveMetrics(app: FastifyInstance, registry: Registry, config: Config): void {
  app.get('/metrics', { schema: { hide: true } }, async (request, reply) => {
    if (config.CAURI_MODE === 'production' && !isDirectLoopback(request)) throw new Refusal('NOT_FOUND')
    return reply.type(registry.contentType).send(await registry.metrics())
  })
}
