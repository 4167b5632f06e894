import { z } from 'zod'
import { may } from '../../identity/index.ts'
import type { Actor } from '../../platform/context.ts'
import { Refusal } from '../../platform/errors.ts'
import { defineRoute, type Route } from '../../platform/http/route.ts'
import { approveBulk, rejectBulk, type Approver } from '../approve.ts'
import type { BulkDeps } from '../deps.ts'
import { progressView } from '../view.ts'
import { makerOf } from './maker.ts'
import { bulkParams, progress } from './schemas.ts'

/** Decisions on batches above their organisation's limit. */
export const approveRoutes = (deps: BulkDeps): readonly Route[] => [approveRoute(deps), rejectRoute(deps)]

const reason = z.string().trim().min(1).max(500)
const list_hash = z
  .string()
  .min(1)
  .max(200)
  .describe('as the status shows it: what was read is what is decided')
const common = {
  method: 'POST',
  tags: ['bulk transfers'],
  access: may('bulk.approve'),
  params: bulkParams,
  response: { 200: progress },
  refusals: ['BULK_NOT_FOUND', 'BULK_NOT_AWAITING', 'BULK_MAKER', 'LIST_HASH_DIFFERS'],
  idempotent: true,
} as const

const approveRoute = (deps: BulkDeps): Route =>
  defineRoute({
    ...common,
    path: '/api/bulk-transfers/:id/approve',
    operation_id: 'approveBulkTransfer',
    summary: 'Approve a batch that somebody else made: it is paid from now on',
    body: z.strictObject({ list_hash, reason: reason.optional() }),
    handle: async ({ ctx, actor, params, body, idempotency }) => {
      const decision = { bulk_id: params.id, list_hash: body.list_hash, reason: body.reason ?? null }
      const bulk = await approveBulk(ctx.db, approverOf(actor), decision, idempotency)
      deps.watch.touch(String(bulk.id))
      deps.wake()
      return { status: 200, body: progressView(bulk) }
    },
  })

const rejectRoute = (deps: BulkDeps): Route =>
  defineRoute({
    ...common,
    path: '/api/bulk-transfers/:id/reject',
    operation_id: 'rejectBulkTransfer',
    summary: 'Reject a batch that somebody else made: it is cancelled and its money returns',
    body: z.strictObject({ list_hash, reason }),
    handle: async ({ ctx, actor, params, body, idempotency }) => {
      const decision = { bulk_id: params.id, list_hash: body.list_hash, reason: body.reason }
      const bulk = await rejectBulk(ctx.db, approverOf(actor), decision, deps.handlers, idempotency)
      deps.watch.touch(String(bulk.id))
      return { status: 200, body: progressView(bulk) }
    },
  })

/** Only a member decides, in person. */
function approverOf(actor: Actor): Approver {
  if (actor.kind !== 'organization' || actor.person_id === undefined) throw new Refusal('NOT_ALLOWED')
  return { ...makerOf(actor), person_id: actor.person_id }
}
