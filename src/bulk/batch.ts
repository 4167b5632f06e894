import type { Currency } from '../platform/money.ts'
import type { PartyType } from '../platform/party.ts'

/** The words of a batch and of its lines: the same in SQL, TypeScript and JSON. */
export const batchStates = [
  'PENDING',
  'PROCESSING',
  'COMPLETED',
  'PARTIALLY_COMPLETED',
  'FAILED',
  'CANCELLED',
] as const
export type BatchState = (typeof batchStates)[number]
export const lineStates = ['PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'CANCELLED', 'UNCERTAIN'] as const
export type LineState = (typeof lineStates)[number]

/** A batch is final only when no line is pending or uncertain; until then it is PROCESSING, even for days. */
export const isFinal = (state: BatchState): boolean => state !== 'PENDING' && state !== 'PROCESSING'

/** A batch as it is now: what the customer sent, and how far it is. Amounts in minor units. */
export type Bulk = {
  id: bigint
  bulk_id: string
  organization_id: bigint
  organization: string
  account_id: bigint
  payer_account: string
  parent: string | null
  file_name: string | null
  list_hash: string
  callback_url: string | null
  callback_wanted: boolean
  created_by: string
  created_at: Date
  completed_at: Date | null
  state: BatchState
  currency: Currency
  total: number
  total_amount: bigint
  completed: number
  failed: number
  cancelled: number
  uncertain: number
  pending: number
  completed_amount: bigint
  fees: bigint
  paused: boolean
  pause_reason: string | null
  version: bigint
  /** Nothing of it may be claimed until another person than its maker has approved it. */
  awaiting_approval: boolean
}

export type BulkLine = {
  batch_id: bigint
  seq: number
  transfer_id: string
  amount: bigint
  fee: bigint
  currency: Currency
  attempt: number
  party_type: PartyType
  party_identifier: string
  payee_name: string | null
  status: LineState
  fulfilment: string | null
  completed_at: Date | null
  error_code: string | null
  error_message: string | null
  extra: string | null
}

/** Final lines in hundredths of a per cent, rounded down: 100 is said only when all are final. */
export const progressPercent = (bulk: Pick<Bulk, 'total' | 'pending' | 'uncertain'>): number =>
  Math.floor(((bulk.total - bulk.pending - bulk.uncertain) * 10_000) / bulk.total) / 100
