import { z } from 'zod'
import { batchStates, lineStates } from '../batch.ts'

const amount = z.int().describe('whole minor units; XAF and XOF: francs')
const time = z.iso.datetime()

export const bulkParams = z.object({ id: z.string().max(100) })
export const lineParams = z.object({ id: z.string().max(100), transferId: z.string().max(200) })

export const progress = z
  .object({
    bulkTransferId: z.string(),
    state: z.enum(batchStates),
    total: z.int(),
    completed: z.int(),
    failed: z.int(),
    cancelled: z.int(),
    pending: z.int(),
    uncertain: z.int().describe('lines whose outcome is not known yet; their money stays reserved'),
    paused: z.boolean(),
    pause_reason: z.string().optional(),
    awaiting_approval: z
      .literal(true)
      .optional()
      .describe('nothing is paid until another person than its maker approves'),
    progress_percent: z.number().describe('final lines ÷ total × 100, rounded down to two decimals'),
  })
  .meta({ id: 'BulkProgress' })

export const line = z
  .object({
    transferId: z.string(),
    amount,
    fee: amount,
    currency: z.string(),
    status: z.enum(lineStates),
    payee_party_id_type: z.string(),
    payee_party_identifier: z.string(),
    payee_name: z.string().nullable(),
    fulfilment: z.string().nullable(),
    completed_at: time.nullable(),
    error_code: z.string().nullable(),
    error_message: z.string().nullable(),
    extra: z.record(z.string(), z.string()).optional().describe('the file’s other columns'),
  })
  .meta({ id: 'BulkLine' })

export const status = progress
  .extend({
    awaiting_approval: z.boolean().describe('nothing is paid until another person than its maker approves'),
    total_amount: amount,
    completed_amount: amount,
    fees: amount,
    currency: z.string(),
    payer_account: z.string(),
    callback_url: z.string().nullable(),
    parent: z.string().nullable(),
    list_hash: z.string().describe('of the list: what is read here is what is approved'),
    created_at: time,
    completed_at: time.nullable(),
    individualTransfers: z.array(line),
    next_cursor: z.string().optional(),
  })
  .meta({ id: 'BulkStatus' })

const fault = z
  .object({
    pointer: z.string(),
    detail: z.string(),
    line: z.int().optional().describe('of the file, from 1'),
    column: z.string().optional().describe('as the file spells it'),
    code: z.string().optional(),
  })
  .meta({ id: 'Fault' })

const warning = z
  .object({
    code: z.string(),
    count: z.int().optional().describe('how many rows'),
    samples: z.array(fault).optional(),
    bulkTransferId: z.string().optional().describe('SAME_LIST: the batch that has the same rows'),
    days_ago: z.int().optional(),
  })
  .meta({ id: 'BulkWarning' })
export const created = z
  .object({
    bulkTransferId: z.string(),
    state: z.literal('PENDING'),
    parent: z.string().optional(),
    awaiting_approval: z.literal(true).optional().describe('another person must approve it first'),
    warnings: z.array(warning).optional(),
  })
  .meta({ id: 'BulkCreated' })

export const checked = z
  .object({
    valid: z.boolean(),
    total: z.int(),
    total_amount: amount,
    currency: z.string(),
    fees: amount,
    errors: z.array(fault).describe('the first 100'),
    error_count: z.int(),
    warnings: z.array(warning),
    available: amount,
  })
  .meta({ id: 'BulkChecked' })

export const event = z.object({
  at: time,
  who: z.string(),
  what: z.string(),
  detail: z.record(z.string(), z.unknown()),
})

export const details = status
  .extend({
    history: z.array(event),
    rejected: z.array(z.unknown()).describe('always empty: a file is refused whole'),
  })
  .meta({ id: 'BulkDetails' })

export const story = line
  .extend({
    attempts: z.array(
      z.object({
        attempt: z.int(),
        reference: z.string(),
        claimed_at: time.nullable(),
        events: z.array(z.object({ at: time, what: z.string(), said: z.record(z.string(), z.unknown()) })),
      }),
    ),
  })
  .meta({ id: 'BulkLineStory' })

export const linesQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1_000).default(1_000),
  cursor: z
    .string()
    .regex(/^\d{1,9}$/)
    .optional(),
  status: z.enum(lineStates).optional(),
})

const day = z.union([z.iso.datetime({ offset: true }), z.iso.date()])
export const historyQuery = z.object({
  state: z.enum(batchStates).optional(),
  start_date: day.optional(),
  end_date: day.optional().describe('a day counts to its end'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
})

const batch = z.object({
  id: z.int(),
  bulk_id: z.string(),
  state: z.enum(batchStates),
  total_amount: amount,
  currency: z.string(),
  transfers_count: z.int(),
  completed_count: z.int(),
  failed_count: z.int(),
  payer_account: z.string(),
  organization: z.string(),
  awaiting_approval: z.boolean(),
  created_at: time,
})

export const history = z
  .object({
    total: z.int(),
    count: z.int(),
    limit: z.int(),
    offset: z.int(),
    results: z.array(batch),
  })
  .meta({ id: 'BulkHistory' })

/** The shapes as types, for the views that make them. */
export type ProgressView = z.output<typeof progress>
export type StatusView = Omit<z.output<typeof status>, 'individualTransfers' | 'next_cursor'>
export type StatusPage = z.output<typeof status>
export type LineView = z.output<typeof line>
export type StoryView = z.output<typeof story>
export type EventView = z.output<typeof event>
export type BatchView = z.output<typeof batch>
