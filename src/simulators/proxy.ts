import { z } from 'zod'
import { openTo } from '../platform/http/access.ts'
import { defineRoute, taken, type Route } from '../platform/http/route.ts'
import { Refusal } from '../platform/errors.ts'
import type { OutboundPool } from '../platform/outbound.ts'

/**
 * The simulators' control API under the API's own address, in the sandbox only: a test that knows one address knows
 * all. Open, like the control API itself: it exists on loopback only.
 */
export const simulatorProxy = (pool: OutboundPool): readonly Route[] =>
  (['GET', 'POST', 'PUT', 'DELETE'] as const).map((method) =>
    defineRoute({
      method,
      path: '/_sim/*',
      operation_id: `simulators${method}`,
      summary: 'The simulators’ control API (sandbox)',
      tags: ['sandbox'],
      access: openTo('simulators'),
      ...(method === 'POST' || method === 'PUT' ? { body: z.unknown() } : {}),
      response: {
        200: { description: 'what the simulators answer', content: { 'application/json': 'file' } },
      },
      refusals: ['UNAVAILABLE'],
      handle: async ({ body, request, reply }) => {
        const answer = await pool.request({
          method,
          path: request.raw.url ?? '/_sim/',
          headers: { 'content-type': 'application/json', accept: request.headers.accept ?? '*/*' },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          timeout_ms: 30_000,
          max_bytes: 33_554_432,
        })
        if (answer.kind !== 'answer')
          throw new Refusal('UNAVAILABLE', { detail: { en: answer.because, fr: answer.because } })
        reply.hijack()
        const type = String(answer.headers['content-type'] ?? 'application/json')
        reply.raw
          .writeHead(answer.status, { 'content-type': type, 'content-length': answer.body.length })
          .end(answer.body)
        return taken
      },
    }),
  )
