import { Readable } from 'node:stream'
import { z } from 'zod'
import type { Actor, Ctx } from '../platform/context.ts'
import { Refusal } from '../platform/errors.ts'
import type { Access } from '../platform/http/access.ts'
import { defineRoute, type Route } from '../platform/http/route.ts'
import { proveConsistency, proveInclusion } from './proof.ts'
import { record, type Act } from './record.ts'
import { selectNewest } from './sql.ts'
import { selectTrail, trailCsv, type TrailFilter, type TrailRow } from './trail.ts'

/** This module knows nobody: who may read it, and how he is named, others say. */
export type AuditRouteOptions = { readonly access: Access; readonly nameOf: (actor: Actor) => string }

const json = z.record(z.string(), z.unknown())
const act = z
  .object({
    id: z.int(),
    at: z.iso.datetime(),
    actor: z.string().describe('person:5, a key, an organisation, or a part of Cauri'),
    role: z.string().nullable(),
    action: z.string(),
    subject: z.string(),
    organization_id: z.int().nullable(),
    address: z.string().nullable(),
    user_agent: z.string().nullable(),
    request_id: z.string().nullable(),
    detail: json,
    before: json.nullable(),
    after: json.nullable(),
    sealed: z.boolean().describe('in the signed log; within a second or so of the act'),
  })
  .meta({ id: 'AuditEvent' })

const view = ({ leaf_index, ...row }: TrailRow): z.output<typeof act> => ({
  ...row,
  id: Number(row.id),
  at: row.at.toISOString(),
  organization_id: row.organization_id === null ? null : Number(row.organization_id),
  detail: { ...row.detail },
  before: row.before && { ...row.before },
  after: row.after && { ...row.after },
  sealed: leaf_index !== null,
})

const number = z.string().regex(/^[1-9]\d{0,14}$/)
const text = z.string().trim().min(1).max(300)
const moment = z.union([z.iso.date(), z.iso.datetime({ offset: true })])
const logsQuery = z.object({
  actor: text.optional(),
  subject: text.optional(),
  action: text.optional(),
  organization: number.optional(),
  request_id: text.optional(),
  from: moment.optional().describe('a day or a moment; a day begins and ends in UTC'),
  to: moment.optional().describe('a day, all of it, or a moment, without it'),
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
  cursor: number.optional(),
  format: z.enum(['json', 'csv']).optional().describe('csv: all that fits, as a file'),
})
type LogsQuery = z.output<typeof logsQuery>

/** A bare day ends when the next one begins. */
const startOf = (said: string): Date => new Date(Date.parse(said))
function endOf(said: string): Date {
  const end = startOf(said)
  if (said.length === 10) end.setUTCDate(end.getUTCDate() + 1)
  return end
}

const filterOf = (query: LogsQuery): TrailFilter => ({
  actor: query.actor ?? null,
  subject: query.subject ?? null,
  action: query.action ?? null,
  organization_id: query.organization === undefined ? null : BigInt(query.organization),
  request_id: query.request_id ?? null,
  from: query.from === undefined ? null : startOf(query.from),
  to: query.to === undefined ? null : endOf(query.to),
})

/** What was asked for, as it was written. */
const askedIn = ({
  limit: _,
  cursor: __,
  format: ___,
  ...filters
}: LogsQuery): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(filters).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  )

function linkTo(query: LogsQuery, cursor: string): { readonly link: string } {
  const next = new URLSearchParams({ ...askedIn(query), limit: String(query.limit), cursor })
  return { link: `</api/core/audit-logs?${next.toString()}>; rel="next"` }
}

/** Media types are compared by their names; whoever takes anything gets JSON. */
const wantsCsv = (query: LogsQuery, accept: string | undefined): boolean =>
  query.format === undefined ? /(^|,)\s*text\/csv\s*(;|,|$)/i.test(accept ?? '') : query.format === 'csv'

/** The newest act at this moment: an export does not run after what it makes itself. */
async function exported(ctx: Ctx, by: Pick<Act, 'actor'>, query: LogsQuery): Promise<Readable> {
  const [newest] = await selectTrail(ctx.db, nothing, { below: null, limit: 1 })
  await ctx.db.tx((tx) =>
    record(tx, { ...by, action: 'audit.exported', subject: 'audit', detail: { filters: askedIn(query) } }),
  )
  return Readable.from(trailCsv(ctx.db, filterOf(query), (newest?.id ?? 0n) + 1n), { objectMode: false })
}
const nothing: TrailFilter = {
  actor: null,
  subject: null,
  action: null,
  organization_id: null,
  request_id: null,
  from: null,
  to: null,
}

const logsRoute = ({ access, nameOf }: AuditRouteOptions): Route =>
  defineRoute({
    method: 'GET',
    path: '/api/core/audit-logs',
    operation_id: 'listAuditLogs',
    summary: 'Who did what when, newest first; format=csv or Accept: text/csv for a file',
    tags: ['audit'],
    access,
    query: logsQuery,
    response: {
      200: {
        description: 'acts, newest first',
        content: {
          'application/json': z.object({ results: z.array(act), next_cursor: z.string().optional() }),
          'text/csv': 'file',
        },
      },
    },
    refusals: [],
    handle: async ({ ctx, actor, query, request }) => {
      if (wantsCsv(query, request.headers.accept))
        return {
          status: 200,
          body: await exported(ctx, { actor: nameOf(actor) }, query),
          headers: {
            'content-type': 'text/csv; charset=utf-8',
            'content-disposition': 'attachment; filename="audit-logs.csv"',
          },
        }
      const below = query.cursor === undefined ? null : BigInt(query.cursor)
      const rows = await selectTrail(ctx.db, filterOf(query), { below, limit: query.limit + 1 })
      const results = rows.slice(0, query.limit).map(view)
      const next = rows.length > query.limit ? rows[query.limit - 1]?.id.toString() : undefined
      const type = { 'content-type': 'application/json; charset=utf-8' }
      if (next === undefined) return { status: 200, body: { results }, headers: type }
      return {
        status: 200,
        body: { results, next_cursor: next },
        headers: { ...type, ...linkTo(query, next) },
      }
    },
  })

const hashes = z.array(z.string()).describe('SHA-256, base64; from the leaf upwards')
const size = z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER)
const inBase64 = (all: readonly Buffer[]): string[] => all.map((hash) => hash.toString('base64'))

const checkpointRoute = (access: Access): Route =>
  defineRoute({
    method: 'GET',
    path: '/api/audit/checkpoint',
    operation_id: 'getAuditCheckpoint',
    summary: 'The newest signed checkpoint of the sealed trail; keep it elsewhere',
    tags: ['audit'],
    access,
    response: {
      200: z.object({
        size: z.int(),
        root: z.string(),
        sealed_at: z.iso.datetime(),
        checkpoint: z.string().describe('the signed note (C2SP tlog-checkpoint)'),
      }),
    },
    refusals: ['CHECKPOINT_NOT_FOUND'],
    handle: async ({ ctx }) => {
      const newest = await selectNewest(ctx.db)
      if (newest === undefined) throw new Refusal('CHECKPOINT_NOT_FOUND')
      const { size: leaves, root, sealed_at, note } = newest
      const body = { size: leaves, root: root.toString('base64'), sealed_at: sealed_at.toISOString() }
      return { status: 200, body: { ...body, checkpoint: note } }
    },
  })

const inclusionRoute = (access: Access): Route =>
  defineRoute({
    method: 'GET',
    path: '/api/audit/proof/inclusion/:id',
    operation_id: 'proveAuditInclusion',
    summary: 'Proves against the newest checkpoint that an act is in the sealed trail',
    tags: ['audit'],
    access,
    params: z.object({ id: number }),
    response: {
      200: z.object({
        kind: z.literal('inclusion'),
        event: z.string().describe('its canonical bytes: the leaf is the hash of 0x00 and them'),
        leaf_index: z.int(),
        checkpoint: z.string(),
        size: z.int(),
        hashes,
      }),
    },
    refusals: ['AUDIT_EVENT_NOT_FOUND'],
    handle: async ({ ctx, params }) => {
      const proof = await proveInclusion(ctx.db, BigInt(params.id))
      if (proof === undefined) throw new Refusal('AUDIT_EVENT_NOT_FOUND')
      return { status: 200, body: { kind: 'inclusion', ...proof, hashes: inBase64(proof.hashes) } }
    },
  })

const consistencyRoute = (access: Access): Route =>
  defineRoute({
    method: 'GET',
    path: '/api/audit/proof/consistency',
    operation_id: 'proveAuditConsistency',
    summary: 'Proves that a later checkpoint holds all that the trail held at an earlier size',
    tags: ['audit'],
    access,
    query: z.object({
      from: size,
      to: size.optional().describe('the size of a checkpoint; the newest if absent'),
    }),
    response: {
      200: z.object({
        kind: z.literal('consistency'),
        first: z.int(),
        checkpoint: z.string(),
        size: z.int(),
        hashes,
      }),
    },
    refusals: ['CHECKPOINT_NOT_FOUND'],
    handle: async ({ ctx, query }) => {
      const proof = await proveConsistency(ctx.db, query.from, query.to)
      if (proof === undefined) throw new Refusal('CHECKPOINT_NOT_FOUND')
      return { status: 200, body: { kind: 'consistency', ...proof, hashes: inBase64(proof.hashes) } }
    },
  })

/** The trail and its proofs, for who may read them. */
export const auditRoutes = (options: AuditRouteOptions): readonly Route[] => [
  logsRoute(options),
  checkpointRoute(options.access),
  inclusionRoute(options.access),
  consistencyRoute(options.access),
]
