import type { BatchRow, ConnectionRow, LineRow } from './tables.ts'

/** A connection that nobody has driven yet. */
export const newConnectionRow = (id: string): ConnectionRow => ({
  id,
  worker: null,
  token: 0n,
  lease_until: null,
  state: 'RUNNING',
  stopped_because: null,
  mode: null,
  needs_operator: false,
})

/** A line of which nothing is known but what was ordered. */
export const newLineRow = (
  ordered: Pick<LineRow, 'batch_id' | 'seq' | 'account_id' | 'transfer_id' | 'amount' | 'party_identifier'>,
): LineRow => ({
  ...ordered,
  fee: 0n,
  attempt: 1,
  state: 'NEW',
  party_type: 'MSISDN',
  payee_name: null,
  error_code: null,
  error_message: null,
  fulfilment: null,
  completed_at: null,
  xmin: 0,
})

/** A batch of which nothing was claimed yet, open unless it awaits approval. */
export const newBatchRow = (
  ordered: Pick<
    BatchRow,
    | 'id'
    | 'connection_id'
    | 'account_id'
    | 'hold_account_id'
    | 'secret'
    | 'fee_cap'
    | 'awaits_approval'
    | 'lines'
  >,
): BatchRow => ({
  ...ordered,
  purpose: 'BULK_LINE',
  currency: 'XOF',
  total: ordered.lines.length,
  total_amount: ordered.lines.reduce((sum, line) => sum + line.amount, 0n),
  next_seq: 1,
  open: !ordered.awaits_approval,
  cancelled_from: null,
  paused: false,
  pause_reason: null,
  completed: 0,
  failed: 0,
  cancelled: 0,
  uncertain: 0,
  completed_amount: 0n,
  fees: 0n,
  version: 0n,
  finished_at: null,
})
