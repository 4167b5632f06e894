import { record } from '../audit/index.ts'
import { approvalOver, assertStillMay } from '../identity/index.ts'
import { approveBatch, cancelBatch, type PurposeHandler } from '../payments/index.ts'
import { crashPoint } from '../platform/crash-point.ts'
import type { Db, Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import type { Completion } from '../platform/http/idempotency.ts'
import { toJson, type Currency } from '../platform/money.ts'
import * as outbox from '../platform/outbox.ts'
import type { Bulk } from './batch.ts'
import type { Maker } from './deps.ts'
import * as approvals from './sql-approvals.ts'
import * as q from './sql.ts'
import { progressView } from './view.ts'

/** Cancelling a million lines is one transaction; its own limit is ten minutes. */
const TIMEOUT_MS = 600_000

/** What the organisation's limit is, where a batch of this sum is above it and must wait. */
export async function approvalNeeded(
  tx: Tx,
  { organization_id }: Maker,
  money: { readonly currency: Currency; readonly total_amount: bigint },
): Promise<bigint | undefined> {
  const over = await approvalOver(tx, organization_id, money.currency)
  return over !== undefined && money.total_amount > over ? over : undefined
}

/** Writes down that a new batch waits, and for whom not; approvers are told after the commit. */
export async function awaitApproval(
  tx: Tx,
  maker: Maker,
  batch: {
    readonly id: bigint
    readonly bulk_id: string
    readonly list_hash: string
    readonly approval_over: bigint
  },
): Promise<void> {
  const { id: batch_id, list_hash, approval_over, bulk_id } = batch
  const { organization_id, people = [] } = maker
  await approvals.insertApproval(tx, { batch_id, list_hash, approval_over, maker_people: people })
  await record(tx, {
    actor: maker.name,
    action: 'bulk.approval_asked',
    subject: bulk_id,
    organization_id,
    detail: { approval_over: toJson(approval_over), list_hash },
  })
  await outbox.add<'bulk.approval_asked'>(tx, 'bulk.approval_asked', bulk_id, {
    organization_id: String(organization_id),
    not_to: people.map(String),
  })
}

/** Who decides, in person. */
export type Approver = Maker & { readonly person_id: bigint }

export type Decision = {
  readonly bulk_id: string
  /** What the approver has read. */
  readonly list_hash: string
  readonly reason: string | null
}

/**
 * Lets a batch be paid that awaited approval. Refuses BULK_NOT_FOUND, NOT_ALLOWED for who is no approver any more,
 * BULK_NOT_AWAITING, BULK_MAKER for who made it or the key that did, LIST_HASH_DIFFERS with the present one.
 */
export const approveBulk = (
  db: Db,
  approver: Approver,
  decision: Decision,
  completion: Completion,
): Promise<Bulk> =>
  db.tx(async (tx) => {
    const { id } = await waitingOf(tx, approver, decision)
    await decide(tx, id, decided(approver, 'APPROVED', decision.reason))
    if (!(await approveBatch(tx, id))) throw new Error(`batch ${id} waits for approval, and is open`)
    const { list_hash, reason } = decision
    await note(tx, approver, 'bulk.approved', decision.bulk_id, { list_hash, reason })
    return answer(tx, approver, decision.bulk_id, completion)
  })

/** Cancels a batch that awaited approval: its money returns in this transaction. Refuses as `approveBulk` does. */
export const rejectBulk = (
  db: Db,
  approver: Approver,
  decision: Decision & { readonly reason: string },
  handlers: Readonly<Record<string, PurposeHandler>>,
  completion: Completion,
): Promise<Bulk> =>
  db.tx(
    async (tx) => {
      const { id } = await waitingOf(tx, approver, decision)
      await decide(tx, id, decided(approver, 'REJECTED', decision.reason))
      const { list_hash, reason } = decision
      await note(tx, approver, 'bulk.rejected', decision.bulk_id, { list_hash, reason })
      await cancelBatch(tx, id, handlers)
      const bulk = await answer(tx, approver, decision.bulk_id, completion)
      crashPoint('cancel.before-commit')
      return bulk
    },
    { timeout_ms: TIMEOUT_MS },
  )

/** A batch that is cancelled while it waits needs no decision any more. Call it before the batch is locked. */
export async function endWaiting(
  tx: Tx,
  maker: Maker,
  batch_id: bigint,
  reason: string | null,
): Promise<void> {
  const approval = await approvals.lockApproval(tx, batch_id)
  if (approval?.state !== 'WAITING') return
  const cancelled = { state: 'CANCELLED', by: maker.name, person_id: null, reason } as const
  await decide(tx, batch_id, cancelled)
}

async function decide(
  tx: Tx,
  batch_id: bigint,
  decision: Parameters<typeof approvals.decideApproval>[2],
): Promise<void> {
  if ((await approvals.decideApproval(tx, batch_id, decision)) !== 1)
    throw new Error(`the approval of batch ${batch_id} was decided meanwhile, though it is locked`)
}

/** The batch, its approval locked, when this approver may decide on it at this moment. */
async function waitingOf(tx: Tx, approver: Approver, { bulk_id, list_hash }: Decision): Promise<Bulk> {
  const bulk = await q.findBulk(tx, approver.organization_id, bulk_id)
  if (bulk === undefined) throw new Refusal('BULK_NOT_FOUND')
  // The role was judged when the call came in. It may be gone since: it is held from here to the commit.
  await assertStillMay(tx, approver, 'bulk.approve')
  const approval = await approvals.lockApproval(tx, bulk.id)
  if (approval?.state !== 'WAITING')
    throw new Refusal('BULK_NOT_AWAITING', {
      members: { state: bulk.state, decision: approval?.state ?? null },
    })
  if (approval.maker_people.includes(approver.person_id)) throw new Refusal('BULK_MAKER')
  if (approval.list_hash !== list_hash)
    throw new Refusal('LIST_HASH_DIFFERS', { members: { list_hash: approval.list_hash } })
  return bulk
}

const decided = (approver: Approver, state: 'APPROVED' | 'REJECTED', reason: string | null) =>
  ({ state, by: approver.name, person_id: approver.person_id, reason }) as const

const note = (
  tx: Tx,
  { name, organization_id }: Approver,
  action: string,
  subject: string,
  detail: Record<string, string | null>,
): Promise<void> => record(tx, { actor: name, action, subject, organization_id, detail })

async function answer(
  tx: Tx,
  { organization_id }: Approver,
  bulk_id: string,
  completion: Completion,
): Promise<Bulk> {
  const bulk = await q.findBulk(tx, organization_id, bulk_id)
  if (bulk === undefined) throw new Refusal('BULK_NOT_FOUND')
  await completion.complete(tx, { status: 200, body: progressView(bulk) })
  return bulk
}
