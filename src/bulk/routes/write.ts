import { z } from 'zod'
import { crashPoint } from '../../platform/crash-point.ts'
import { may } from '../../identity/index.ts'
import { defineRoute, type Route } from '../../platform/http/route.ts'
import { cancelBulk, pauseBulk, retryBulk, type Act } from '../act.ts'
import { createdAnswer } from '../create.ts'
import type { BulkDeps } from '../deps.ts'
import { progressView } from '../view.ts'
import { createRoute } from './create.ts'
import { makerOf } from './maker.ts'
import { bulkParams, created, progress } from './schemas.ts'

/** What changes a batch. */
export const writeRoutes = (deps: BulkDeps): readonly Route[] => [
  createRoute(deps),
  actRoute(deps, 'cancel'),
  actRoute(deps, 'pause'),
  actRoute(deps, 'resume'),
  retryRoute(deps),
]

const reason = z.string().trim().min(1).max(500).optional()
const summaries = {
  cancel: 'Cancel what is not claimed yet',
  pause: 'Stop claiming lines',
  resume: 'Go on',
} as const

const actRoute = (deps: BulkDeps, verb: keyof typeof summaries): Route =>
  defineRoute({
    method: 'POST',
    path: `/api/bulk-transfers/:id/${verb}`,
    operation_id: `${verb}BulkTransfer`,
    summary: summaries[verb],
    tags: ['bulk transfers'],
    access: may('bulk.control'),
    params: bulkParams,
    body: z.strictObject({ reason }),
    response: { 200: progress },
    refusals: ['BULK_NOT_FOUND', verb === 'cancel' ? 'BULK_NOTHING_TO_CANCEL' : 'BULK_WRONG_STATE'],
    idempotent: true,
    handle: async ({ ctx, actor, params, body, idempotency }) => {
      const act: Act = { bulk_id: params.id, reason: body.reason ?? null }
      const maker = makerOf(actor)
      const bulk =
        verb === 'cancel'
          ? await cancelBulk(ctx.db, maker, act, deps.handlers, idempotency)
          : await pauseBulk(ctx.db, maker, act, verb === 'pause', idempotency)
      crashPoint(verb === 'cancel' ? 'cancel.committed' : 'pause.committed')
      deps.watch.touch(String(bulk.id))
      deps.wake()
      return { status: 200, body: progressView(bulk) }
    },
  })

const retryRoute = (deps: BulkDeps): Route =>
  defineRoute({
    method: 'POST',
    path: '/api/bulk-transfers/:id/retry',
    operation_id: 'retryBulkTransfer',
    summary: 'Pay the failed lines again, as a child batch',
    tags: ['bulk transfers'],
    access: may('bulk.retry'),
    lane: 'retry',
    params: bulkParams,
    body: z.strictObject({ transfer_ids: z.array(z.string().max(128)).min(1).max(1_000).optional(), reason }),
    response: { 201: created },
    refusals: [
      'BULK_NOT_FOUND',
      'BULK_LINES_UNCERTAIN',
      'BULK_NOTHING_TO_RETRY',
      'BULK_ALREADY_RETRIED',
      'TRANSFER_NOT_FOUND',
      'INSUFFICIENT_FUNDS',
      'PAYER_ACCOUNT_NOT_FOUND',
    ],
    idempotent: true,
    handle: async ({ ctx, actor, params, body, idempotency }) => {
      const created_now = await retryBulk(
        ctx.db,
        makerOf(actor),
        {
          bulk_id: params.id,
          reason: body.reason ?? null,
          transfer_ids: body.transfer_ids ?? null,
          connection: deps.connection,
        },
        idempotency,
      )
      deps.wake()
      return createdAnswer(created_now, params.id)
    },
  })
