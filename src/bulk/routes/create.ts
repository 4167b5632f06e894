import { rm } from 'node:fs/promises'
import { crashPoint } from '../../platform/crash-point.ts'
import { fingerprintOf, type Begun, type Completion } from '../../platform/http/idempotency.ts'
import { may } from '../../identity/index.ts'
import { defineRoute, type HandlerInput, type Route } from '../../platform/http/route.ts'
import { sha256 } from '../../platform/ids.ts'
import { checkFile, type CheckedFile } from '../check-file.ts'
import { createBulk, createdAnswer, type CreatedAnswer } from '../create.ts'
import type { BulkDeps, CreateDeps, Maker, Upload } from '../deps.ts'
import { readCallback, readForm, type Form } from './form.ts'
import { openGate, type Gate } from './gate.ts'
import { makerOf } from './maker.ts'
import { checked, created } from './schemas.ts'

/** Of the pool's dozen connections; the others answer everybody else. */
const IMPORTS_AT_ONCE = 4

export const createRoute = (deps: BulkDeps): Route => {
  const gate = openGate(IMPORTS_AT_ONCE, deps.pressure)
  return defineRoute({
    method: 'POST',
    path: '/api/bulk-transfers',
    operation_id: 'createBulkTransfer',
    summary: 'Pay a CSV file: its money is reserved and its lines are paid one by one',
    tags: ['bulk transfers'],
    access: may('bulk.create'),
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
    handle: (input) => create(deps, gate, input),
  })
}

type Answer =
  { readonly status: 200; readonly body: CheckedFile } | CreatedAnswer | Extract<Begun, { kind: 'replay' }>

async function create(
  deps: BulkDeps,
  gate: Gate,
  input: HandlerInput<undefined, undefined, unknown>,
): Promise<Answer> {
  const { ctx, actor, request, language, idempotency } = input
  const maker = makerOf(actor)
  let spooled: string | undefined
  try {
    const form = await readForm(request, {
      folder: deps.spool_folder,
      max_bytes: ctx.config.UPLOAD_MAX_BYTES,
      language,
      keep: (file) => (spooled = file.path),
    })
    crashPoint('upload.spooled')
    const upload = uploadOf(form, deps, input)
    const how = howOf(deps, input)
    if (form.validate_only) return { status: 200, body: await gate(() => checkFile(how, maker, upload)) }
    const { payer_account, callback_url, allow_duplicate } = form
    const fields = fingerprintOf({ payer_account, callback_url, allow_duplicate })
    const begun = await idempotency.begin(sha256(fields, upload.sha256))
    if (begun.kind === 'replay') return begun
    return await createNow(deps, how, maker, upload, { begun, gate })
  } finally {
    if (spooled !== undefined) await rm(spooled, { force: true })
  }
}

const uploadOf = (
  form: Form,
  deps: BulkDeps,
  { ctx }: HandlerInput<undefined, undefined, unknown>,
): Upload => ({
  path: form.file.path,
  sha256: Buffer.from(form.file.sha256, 'hex'),
  file_name: form.file_name,
  payer_account: form.payer_account,
  callback: readCallback(form.callback_url, ctx.config, deps.own_origins),
  allow_duplicate: form.allow_duplicate,
})

const howOf = (
  { connection }: BulkDeps,
  { ctx: { db, config }, language }: HandlerInput<undefined, undefined, unknown>,
): CreateDeps => ({
  db,
  limits: { max_rows: config.UPLOAD_MAX_ROWS, max_bytes: config.UPLOAD_MAX_BYTES },
  connection,
  same_list_days: config.SAME_LIST_DAYS,
  same_list_warning_days: config.SAME_LIST_WARNING_DAYS,
  language,
})

async function createNow(
  deps: BulkDeps,
  how: CreateDeps,
  maker: Maker,
  upload: Upload,
  { begun, gate }: { readonly begun: Completion; readonly gate: Gate },
): Promise<Answer> {
  const made = await gate(() => createBulk(how, maker, upload, begun))
  crashPoint('upload.committed')
  deps.wake()
  return createdAnswer(made)
}
