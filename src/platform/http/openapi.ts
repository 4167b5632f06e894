import type { FastifySchema } from 'fastify'
import { jsonSchemaTransform } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { refusals, type RefusalCode } from '../errors.ts'
import type { Access } from './access.ts'
import { edgeRefusals, idempotencyRefusals } from './problem.ts'
import type { ResponseSpec, Route } from './route.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route as data; absent on the edge's own routes (documents, wrong methods). */
    readonly declared?: Route
  }
}

const problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    code: z.string(),
    errors: z
      .array(
        z.looseObject({
          pointer: z.string(),
          detail: z.string(),
          line: z.int().optional(),
          column: z.string().optional(),
          code: z.string().optional(),
        }),
      )
      .optional(),
    request_id: z.string(),
  })
  .meta({ description: 'A problem document (RFC 9457)' })

const file = z.string()

/** What judging who calls may give. */
const accessRefusals = {
  open: [],
  person: ['AUTHENTICATION_REQUIRED', 'NOT_ALLOWED'],
  system: ['AUTHENTICATION_REQUIRED', 'NOT_ALLOWED'],
  organization: ['AUTHENTICATION_REQUIRED', 'NOT_ALLOWED', 'ORGANIZATION_REQUIRED', 'ORGANIZATION_NOT_FOUND'],
} as const satisfies Record<Access['of'], readonly RefusalCode[]>

/** Every refusal that the route may give, its own and the edge's. */
export function refusalsOf(route: Route): ReadonlySet<RefusalCode> {
  const codes = new Set<RefusalCode>([...edgeRefusals, ...route.refusals])
  for (const code of accessRefusals[route.access.of]) codes.add(code)
  if (route.access.of !== 'open') codes.add('CROSS_SITE')
  if (route.access.second_factor) codes.add('SECOND_FACTOR_REQUIRED')
  if (route.access.step_up) codes.add('STEP_UP_REQUIRED')
  if (route.endless === true) codes.add('TOO_MANY_STREAMS')
  if (route.idempotent) for (const code of idempotencyRefusals) codes.add(code)
  return codes
}

/** What Fastify and its OpenAPI plugin read of a route. */
export function schemaOf(route: Route): FastifySchema & Record<string, unknown> {
  return {
    summary: route.summary,
    tags: [...route.tags],
    operationId: route.operation_id ?? operationIdOf(route),
    ...(route.access.of === 'open' ? {} : { security: [{ bearer: [] }] }),
    ...(route.params === undefined ? {} : { params: route.params }),
    ...querystringOf(route),
    ...(route.body === undefined || route.body === 'stream' ? {} : { body: route.body }),
    response: { ...problemsOf(route), ...answersOf(route) },
  }
}

/** An EventSource cannot send a header: it may bring a ticket in its address. */
const ticketQuery = z.object({
  ticket: z.string().optional().describe('from POST /api/auth/stream-ticket, instead of a header'),
})

function querystringOf({ query, endless }: Route): { readonly querystring?: z.ZodType } {
  const querystring = query ?? (endless === true ? ticketQuery : undefined)
  return querystring === undefined ? {} : { querystring }
}

/** `POST /api/bulk-transfers/:id/cancel` is `postBulkTransfersByIdCancel`. */
function operationIdOf({ method, path }: Route): string {
  const words = path
    .replace(/^\/api\//, '/')
    .split(/[/_.-]+/)
    .filter((word) => word !== '')
    .map((word) => (word.startsWith(':') ? `By${capital(word.slice(1))}` : capital(word)))
  return method.toLowerCase() + words.join('')
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)

function answersOf(route: Route): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(route.response).map(([status, spec]) => [status, contentOf(spec)] as const),
  )
}

function contentOf(spec: ResponseSpec): unknown {
  if (spec instanceof z.ZodType) return spec
  const content = Object.entries(spec.content).map(
    ([type, schema]) => [type, { schema: schema === 'file' ? file : schema }] as const,
  )
  return { description: spec.description, content: Object.fromEntries(content) }
}

function problemsOf(route: Route): Record<string, unknown> {
  const by_status = Map.groupBy(refusalsOf(route), (code) => refusals[code].status)
  return Object.fromEntries(
    [...by_status].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `${code}: ${refusals[code].en}`).join('. '),
        content: { 'application/problem+json': { schema: problem } },
      },
    ]),
  )
}

type Transform = typeof jsonSchemaTransform

const once = {
  type: 'string',
  minLength: 1,
  maxLength: 255,
  description: 'The same key and the same request give the same answer, for 90 days',
}
const actingFor = {
  type: 'string',
  pattern: '^[0-9]{1,18}$',
  description: 'For which organisation: needed by who is a member of several',
}

/** Zod schemas become JSON Schema; upload forms and headers are put in by hand. */
export const transform: Transform = (document) => {
  const { schema, url } = jsonSchemaTransform(document)
  const route: Route | undefined = 'route' in document ? document.route?.config?.declared : undefined
  if (route === undefined || schema === undefined) return { schema, url }
  const more: Record<string, unknown> = {}
  if (route.form !== undefined) {
    more['consumes'] = ['multipart/form-data']
    more['body'] = {
      type: 'object',
      required: [...route.form.required],
      properties: structuredClone(route.form.properties),
    }
  }
  const headers = {
    ...(route.access.of === 'organization' ? { 'Cauri-Organization': actingFor } : {}),
    ...(route.idempotent ? { 'Idempotency-Key': once } : {}),
  }
  if (Object.keys(headers).length > 0) more['headers'] = { type: 'object', properties: headers }
  return { schema: { ...schema, ...more, 'x-action': route.access.action }, url }
}
