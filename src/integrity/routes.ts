import { z } from 'zod'
import { may, personName } from '../identity/index.ts'
import { listConnections } from '../payments/index.ts'
import type { Ctx } from '../platform/context.ts'
import type { Language } from '../platform/http/language.ts'
import { defineRoute, type Route } from '../platform/http/route.ts'
import { durabilityOf } from '../platform/invariant.ts'
import { invariantsOf } from './list.ts'
import { runCheck } from './run.ts'
import * as q from './sql.ts'

const integritySchema = z
  .object({
    state: z
      .enum(['OK', 'VIOLATED', 'NEVER_RUN'])
      .describe('of the last check; VIOLATED when any does not hold'),
    checked_at: z.iso.datetime().nullable(),
    checked_by: z.string().nullable(),
    duration_ms: z.int().nullable(),
    violations: z.int().describe('how many invariants do not hold'),
    invariants: z.array(
      z.object({
        id: z.string(),
        name: z.string().describe('true while it holds'),
        holds: z.boolean().nullable().describe('null when the last check did not look at it'),
        pauses_payouts: z.boolean().describe('whether nothing is paid while it does not hold'),
        found: z.array(z.string()).describe('its first twenty breaches: ids, numbers and states'),
      }),
    ),
    payouts: z.object({
      paused: z.boolean().describe('a check stopped them, and an operator must let them go on'),
      because: z.string().nullable(),
      connections: z.array(
        z.object({
          id: z.string(),
          state: z.enum(['RUNNING', 'STOPPED']),
          stopped_because: z.string().nullable(),
          needs_operator: z.boolean(),
        }),
      ),
    }),
    database: z
      .array(z.object({ name: z.string(), value: z.string() }))
      .describe('how it keeps what it confirms'),
  })
  .meta({ id: 'Integrity' })

async function view({ db, config }: Ctx, language: Language): Promise<z.input<typeof integritySchema>> {
  const last = await q.selectLastCheck(db)
  const connections = await listConnections(db)
  const held = connections.filter((one) => one.needs_operator)
  const found = Map.groupBy(last?.breaches ?? [], ({ id }) => id)
  return {
    state: last === undefined ? 'NEVER_RUN' : found.size === 0 ? 'OK' : 'VIOLATED',
    checked_at: last?.checked_at.toISOString() ?? null,
    checked_by: last?.checked_by ?? null,
    duration_ms: last?.duration_ms ?? null,
    violations: found.size,
    invariants: invariantsOf(config.CAURI_MODE).map(({ id, name, pauses }) => ({
      id,
      name: name[language],
      holds: last?.checked.includes(id) === true ? !found.has(id) : null,
      pauses_payouts: pauses,
      found: (found.get(id) ?? []).map((breach) => breach.found),
    })),
    payouts: {
      paused: held.length > 0,
      because: held[0]?.stopped_because ?? null,
      connections: connections.map(({ id, state, stopped_because, needs_operator }) => ({
        id,
        state,
        stopped_because,
        needs_operator,
      })),
    },
    database: await durabilityOf(db),
  }
}

/** What the last check of the invariants found, and a check at once. */
export const integrityRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/api/core/integrity',
    operation_id: 'getIntegrity',
    summary: 'What the last check of the invariants found, and whether payouts are paused by it',
    tags: ['system'],
    access: may('integrity.read'),
    response: { 200: integritySchema },
    refusals: [],
    handle: async ({ ctx, language }) => {
      return { status: 200, body: await view(ctx, language) }
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/api/core/integrity/check',
    operation_id: 'checkIntegrity',
    summary: 'Check every invariant now; seconds for a million lines. A breach pauses payouts',
    tags: ['system'],
    access: may('integrity.check'),
    response: { 200: integritySchema },
    refusals: ['INTEGRITY_CHECK_RUNNING'],
    handle: async ({ ctx, actor, language }) => {
      const by = actor.kind === 'person' ? personName(actor.person_id) : 'nobody'
      await runCheck({ db: ctx.db, log: ctx.log, mode: ctx.config.CAURI_MODE }, by)
      return { status: 200, body: await view(ctx, language) }
    },
  }),
]
