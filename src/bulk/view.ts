import type { Event } from '../audit/index.ts'
import type { attemptsOf } from '../payments/index.ts'
import type { Language } from '../platform/http/language.ts'
import { toJson } from '../platform/money.ts'
import { progressPercent, type BatchState, type Bulk, type BulkLine } from './batch.ts'
import type { BatchView, EventView, LineView, ProgressView, StatusView, StoryView } from './routes/schemas.ts'

/** How far a batch is: the data of the stream, of `wait` and of the actions. Counts sum to `total`. */
export const progressView = (bulk: Bulk): ProgressView => ({
  bulkTransferId: bulk.bulk_id,
  state: bulk.state,
  total: bulk.total,
  completed: bulk.completed,
  failed: bulk.failed,
  cancelled: bulk.cancelled,
  pending: bulk.pending,
  uncertain: bulk.uncertain,
  paused: bulk.paused,
  ...(bulk.pause_reason === null ? {} : { pause_reason: bulk.pause_reason }),
  ...(bulk.awaiting_approval ? { awaiting_approval: true } : {}),
  progress_percent: progressPercent(bulk),
})

/** The whole answer of `status`, without its lines. Amounts in minor units; `fees` is what the rail took besides. */
export const statusView = (bulk: Bulk): StatusView => ({
  ...progressView(bulk),
  awaiting_approval: bulk.awaiting_approval,
  total_amount: toJson(bulk.total_amount),
  completed_amount: toJson(bulk.completed_amount),
  fees: toJson(bulk.fees),
  currency: bulk.currency,
  payer_account: bulk.payer_account,
  callback_url: bulk.callback_url,
  parent: bulk.parent,
  list_hash: bulk.list_hash,
  created_at: bulk.created_at.toISOString(),
  completed_at: bulk.completed_at?.toISOString() ?? null,
})

export const lineView = (line: BulkLine): LineView => ({
  transferId: line.transfer_id,
  amount: toJson(line.amount),
  fee: toJson(line.fee),
  currency: line.currency,
  status: line.status,
  payee_party_id_type: line.party_type,
  payee_party_identifier: line.party_identifier,
  payee_name: line.payee_name,
  fulfilment: line.fulfilment,
  completed_at: line.completed_at?.toISOString() ?? null,
  error_code: line.error_code,
  error_message: line.error_message,
  ...(line.extra === null ? {} : { extra: JSON.parse(line.extra) as Record<string, string> }),
})

type Attempt = Awaited<ReturnType<typeof attemptsOf>>[number]

/** One line and everything that was tried for it. */
export const storyView = (line: BulkLine, attempts: readonly Attempt[]): StoryView => ({
  ...lineView(line),
  attempts: attempts.map(({ attempt, reference, claimed_at, events }) => ({
    attempt,
    reference,
    claimed_at: claimed_at?.toISOString() ?? null,
    events: events.map(({ at, what, said }) => ({ at: at.toISOString(), what, said })),
  })),
})

/** One row of the history, in the words of the old system. */
export const historyView = (bulk: Bulk): BatchView => ({
  id: toJson(bulk.id),
  bulk_id: bulk.bulk_id,
  state: bulk.state,
  total_amount: toJson(bulk.total_amount),
  currency: bulk.currency,
  transfers_count: bulk.total,
  completed_count: bulk.completed,
  failed_count: bulk.failed,
  payer_account: bulk.payer_account,
  organization: bulk.organization,
  awaiting_approval: bulk.awaiting_approval,
  created_at: bulk.created_at.toISOString(),
})

export const eventView = (event: Event): EventView => ({
  at: event.at.toISOString(),
  who: event.actor,
  what: event.action,
  detail: event.detail,
})

const done: Readonly<Partial<Record<BatchState, { en: string; fr: string }>>> = {
  COMPLETED: { en: 'Every transfer is paid.', fr: 'Tous les transferts sont payés.' },
  PARTIALLY_COMPLETED: {
    en: 'Some transfers are paid, others are not.',
    fr: 'Une partie des transferts est payée.',
  },
  FAILED: { en: 'No transfer could be paid.', fr: 'Aucun transfert n’a pu être payé.' },
  CANCELLED: {
    en: 'The batch was cancelled; nothing was paid.',
    fr: 'Le lot a été annulé ; rien n’a été payé.',
  },
}

/** The last event of a stream. */
export const doneView = (
  state: BatchState,
  language: Language,
): { readonly state: BatchState; readonly message: string } => ({
  state,
  message: done[state]?.[language] ?? state,
})
