import { rm } from 'node:fs/promises'
import { z } from 'zod'
import type { Actor } from '../../platform/context.ts'
import { Refusal } from '../../platform/errors.ts'
import { fingerprintOf, type Completion } from '../../platform/http/idempotency.ts'
import { defineRoute, type HandlerInput, type Route } from '../../platform/http/route.ts'
import { sha256 } from '../../platform/ids.ts'
import { cancelBulk, pauseBulk, retryBulk, type Act } from '../act.ts'
import { checkFile } from '../check-file.ts'
import { createBulk, type CreateDeps, type Maker, type Upload } from '../create.ts'
import type { BulkDeps } from '../deps.ts'
import { progressView } from '../view.ts'
import { bulkParams, checked, created, progress } from './schemas.ts'
import { readCallback, readForm } from './upload.ts'

export const makerOf = (actor: Actor): Maker => {
  if (actor.kind !== 'organization') throw new Refusal('AUTHENTICATION_REQUIRED')
  return { organization_id: actor.organization_id, name: actor.name }
}

/** An upload may own its key as long as it may take. */
const LEASE_S = 660

export const writeRoutes = (deps: BulkDeps): readonly Route[] => [
  defineRoute({
    method: 'POST',
    path: '/api/bulk-transfers',
    operation_id: 'createBulkTransfer',
    summary: 'Pay a CSV file: its money is reserved and its lines are paid one by one',
    tags: ['bulk transfers'],
    access: 'organization',
    body: 'stream',
    form: {
      required: ['file'],
      properties: {
        file: { type: 'string', format: 'binary', description: 'CSV, one of the two formats' },
        payer_account: { type: 'string', description: 'account id; when absent, the only account' },
        callback_url: { type: 'string', format: 'uri', description: 'told the final result, signed' },
        validate_only: { type: 'boolean', description: 'check everything, create nothing' },
        allow_duplicate: { type: 'boolean', description: 'accept the same list again' },
      },
    },
    response: { 200: checked, 201: created },
    refusals: [
      'VALIDATION_FAILED',
      'UNSUPPORTED_MEDIA_TYPE',
      'FILE_MISSING',
      'FILE_EMPTY',
      'FILE_NOT_CSV',
      'FILE_HEADER_MISSING',
      'FILE_HEADER_UNKNOWN',
      'FILE_HAS_NO_ROWS',
      'FILE_ROWS_INVALID',
      'FILE_TOO_LARGE',
      'FILE_DUPLICATES',
      'PAYER_ACCOUNT_NOT_FOUND',
      'PAYER_ACCOUNT_REQUIRED',
      'CURRENCY_NOT_OF_ACCOUNT',
      'INSUFFICIENT_FUNDS',
      'SAME_LIST',
      'CALLBACK_URL_INVALID',
    ],
    idempotent: true,
    handle: (input) => create(deps, input),
  }),
  ...(['cancel', 'pause', 'resume'] as const).map((verb) => actRoute(deps, verb)),
  defineRoute({
    method: 'POST',
    path: '/api/bulk-transfers/:id/retry',
    operation_id: 'retryBulkTransfer',
    summary: 'Pay the failed lines again, as a child batch',
    tags: ['bulk transfers'],
    access: 'organization',
    params: bulkParams,
    body: z.object({
      transfer_ids: z.array(z.string().max(128)).min(1).max(1_000).optional(),
      reason: z.string().max(500).optional(),
    }),
    response: { 201: created },
    refusals: [
      'BULK_NOT_FOUND',
      'BULK_LINES_UNCERTAIN',
      'BULK_NOTHING_TO_RETRY',
      'TRANSFER_NOT_FOUND',
      'FILE_DUPLICATES',
      'INSUFFICIENT_FUNDS',
      'PAYER_ACCOUNT_NOT_FOUND',
    ],
    idempotent: true,
    handle: async ({ ctx, actor, params, body, idempotency }) => {
      const retry = {
        bulk_id: params.id,
        transfer_ids: body.transfer_ids ?? null,
        connection: deps.connection,
      }
      const child = await retryBulk(ctx.db, makerOf(actor), retry, idempotency)
      deps.wake()
      const headers = { location: `/api/bulk-transfers/${child}/status` }
      return { status: 201, body: { bulkTransferId: child, state: 'PENDING', parent: params.id }, headers }
    },
  }),
]

const actRoute = (deps: BulkDeps, verb: 'cancel' | 'pause' | 'resume'): Route =>
  defineRoute({
    method: 'POST',
    path: `/api/bulk-transfers/:id/${verb}`,
    operation_id: `${verb}BulkTransfer`,
    summary: { cancel: 'Cancel what is not claimed yet', pause: 'Stop claiming lines', resume: 'Go on' }[
      verb
    ],
    tags: ['bulk transfers'],
    access: 'organization',
    params: bulkParams,
    body: z.object({ reason: z.string().max(500).optional() }),
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
      deps.watch.touch(String(bulk.id))
      deps.wake()
      return { status: 200, body: progressView(bulk) }
    },
  })

async function create(deps: BulkDeps, input: HandlerInput<undefined, undefined, unknown>) {
  const { ctx, actor, request, language, idempotency } = input
  const { config } = ctx
  const maker = makerOf(actor)
  let spooled: string | undefined
  try {
    const form = await readForm(
      request,
      deps.spool_folder,
      config.UPLOAD_MAX_BYTES,
      (file) => (spooled = file.path),
    )
    const upload: Upload = {
      path: form.file.path,
      sha256: Buffer.from(form.file.sha256, 'hex'),
      file_name: form.file_name,
      payer_account: form.payer_account,
      callback: readCallback(form.callback_url, config, deps.own_origins),
      allow_duplicate: form.allow_duplicate,
    }
    const how: CreateDeps = {
      db: ctx.db,
      limits: { max_rows: config.UPLOAD_MAX_ROWS, max_bytes: config.UPLOAD_MAX_BYTES },
      connection: deps.connection,
      same_list_days: config.SAME_LIST_DAYS,
      same_list_warning_days: config.SAME_LIST_WARNING_DAYS,
      language,
    }
    if (form.validate_only) return { status: 200, body: await checkFile(how, maker, upload) } as const
    const { payer_account, callback_url, allow_duplicate } = form
    const fields = fingerprintOf({ payer_account, callback_url, allow_duplicate })
    const begun = await idempotency.begin(sha256(fields, upload.sha256), { lease_s: LEASE_S })
    if (begun.kind === 'replay') return begun
    return await createNow(deps, how, maker, upload, begun)
  } finally {
    if (spooled !== undefined) await rm(spooled, { force: true })
  }
}

async function createNow(
  deps: BulkDeps,
  how: CreateDeps,
  maker: Maker,
  upload: Upload,
  completion: Completion,
) {
  const { bulk_id, warnings } = await createBulk(how, maker, upload, completion)
  deps.wake()
  const some = warnings.length > 0 ? { warnings: warnings.map((w) => ({ ...w })) } : {}
  const body = { bulkTransferId: bulk_id, state: 'PENDING' as const, ...some }
  return { status: 201, body, headers: { location: `/api/bulk-transfers/${bulk_id}/status` } } as const
}
