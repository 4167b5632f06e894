import { record } from '../audit/index.ts'
import {
  cancelBatch,
  copyFailedLines,
  findAccount,
  isTransferIdTaken,
  lockPayer,
  nextBatchId,
  pauseBatch,
  reserve,
  type PurposeHandler,
} from '../payments/index.ts'
import { crashPoint } from '../platform/crash-point.ts'
import type { Db, Reader, Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import type { Completion } from '../platform/http/idempotency.ts'
import { newId, sha256, type BulkId } from '../platform/ids.ts'
import { approvalNeeded, awaitApproval, endWaiting } from './approve.ts'
import { isFinal, type Bulk } from './batch.ts'
import { createdAnswer, type Created } from './create.ts'
import type { Maker } from './deps.ts'
import * as q from './sql.ts'
import { progressView } from './view.ts'

/** Cancelling or copying a million lines is one transaction; its own limit is ten minutes. */
const TIMEOUT_MS = 600_000

export type Act = { readonly bulk_id: string; readonly reason: string | null }

const bulkOf = async (tx: Tx, maker: Maker, bulk_id: string): Promise<Bulk> => {
  const bulk = await q.findBulk(tx, maker.organization_id, bulk_id)
  if (bulk === undefined) throw new Refusal('BULK_NOT_FOUND')
  return bulk
}

const note = (
  tx: Tx,
  maker: Maker,
  action: string,
  bulk_id: string,
  detail: Record<string, string | number | null>,
): Promise<void> =>
  record(tx, { actor: maker.name, action, subject: bulk_id, organization_id: maker.organization_id, detail })

const wrongState = (bulk: Bulk): Refusal =>
  new Refusal('BULK_WRONG_STATE', { members: { state: bulk.state } })

/**
 * Cancels the lines that no worker has claimed; their money returns at once. Lines under way end by their own
 * outcome. Refuses BULK_NOTHING_TO_CANCEL when every line is claimed or final.
 */
export const cancelBulk = (
  db: Db,
  maker: Maker,
  act: Act,
  handlers: Readonly<Record<string, PurposeHandler>>,
  completion: Completion,
): Promise<Bulk> =>
  db.tx(
    async (tx) => {
      const { id } = await bulkOf(tx, maker, act.bulk_id)
      await endWaiting(tx, maker, id, act.reason)
      const cancelled = await cancelBatch(tx, id, handlers)
      await note(tx, maker, 'bulk.cancelled', act.bulk_id, { cancelled, reason: act.reason })
      const bulk = await answer(tx, maker, act.bulk_id, completion)
      crashPoint('cancel.before-commit')
      return bulk
    },
    { timeout_ms: TIMEOUT_MS },
  )

/** Stops claiming new lines, or goes on. What it already is, it stays; a final batch is refused. */
export const pauseBulk = (
  db: Db,
  maker: Maker,
  act: Act,
  paused: boolean,
  completion: Completion,
): Promise<Bulk> =>
  db.tx(async (tx) => {
    const bulk = await bulkOf(tx, maker, act.bulk_id)
    if (isFinal(bulk.state)) throw wrongState(bulk)
    const changed = await pauseBatch(tx, bulk.id, paused, paused ? act.reason : null)
    if (changed)
      await note(tx, maker, paused ? 'bulk.paused' : 'bulk.resumed', act.bulk_id, { reason: act.reason })
    const now = await answer(tx, maker, act.bulk_id, completion)
    crashPoint('pause.before-commit')
    return now
  })

async function answer(tx: Tx, maker: Maker, bulk_id: string, completion: Completion): Promise<Bulk> {
  const bulk = await bulkOf(tx, maker, bulk_id)
  await completion.complete(tx, { status: 200, body: progressView(bulk) })
  return bulk
}

export type Retry = Act & {
  /** Null for every failed line. */
  readonly transfer_ids: readonly string[] | null
  readonly connection: { readonly id: string; readonly fee_cap: bigint }
}

/**
 * A child batch of the FAILED lines, all of them or the named ones. The rail refused each of them, so they may be
 * paid under new references. Refuses BULK_LINES_UNCERTAIN while a line is uncertain and no lines are named (or one
 * of the named is), BULK_NOTHING_TO_RETRY, TRANSFER_NOT_FOUND, INSUFFICIENT_FUNDS, and BULK_ALREADY_RETRIED when
 * another retry, or another file, has taken these lines up.
 */
export async function retryBulk(
  db: Db,
  maker: Maker,
  retry: Retry,
  completion: Completion,
): Promise<Created> {
  const child = newId('bulk-')
  const options = {
    timeout_ms: TIMEOUT_MS,
    reread: async (reader: Reader) => {
      const made = await q.findBulk(reader, maker.organization_id, child)
      return made && { bulk_id: child, warnings: [], awaiting_approval: made.awaiting_approval }
    },
  }
  return db
    .tx((tx) => retryAs(tx, child, maker, retry, completion), options)
    .catch(async (error: unknown) => {
      throw isTransferIdTaken(error) ? await alreadyRetried(db, maker, retry) : error
    })
}

async function retryAs(
  tx: Tx,
  child: BulkId,
  maker: Maker,
  retry: Retry,
  completion: Completion,
): Promise<Created> {
  const bulk = await bulkOf(tx, maker, retry.bulk_id)
  const account = await findAccount(tx, maker.organization_id, bulk.payer_account)
  await lockPayer(tx, account)
  if (retry.transfer_ids === null && bulk.uncertain > 0) throw new Refusal('BULK_LINES_UNCERTAIN')
  if (retry.transfer_ids !== null) await checkNamed(tx, bulk, retry.transfer_ids)
  const id = await nextBatchId(tx)
  const { total, total_amount } = await copyFailedLines(tx, bulk.id, id, account, retry.transfer_ids)
  if (total === 0) throw new Refusal('BULK_NOTHING_TO_RETRY')
  // Read under the lock: the money may have moved while it was waited for.
  const { available } = await findAccount(tx, maker.organization_id, bulk.payer_account)
  const approval_over = await approvalNeeded(tx, maker, { currency: bulk.currency, total_amount })
  await reserve(tx, account, available, {
    batch_id: id,
    connection_id: retry.connection.id,
    purpose: 'BULK_LINE',
    fee_cap: retry.connection.fee_cap,
    total,
    total_amount,
    awaits_approval: approval_over !== undefined,
  })
  const made = childOf(bulk, { id, bulk_id: child, created_by: maker.name })
  await q.insertBulk(tx, made)
  await note(tx, maker, 'bulk.retried', retry.bulk_id, { child, total, reason: retry.reason })
  await note(tx, maker, 'bulk.created', child, { parent: retry.bulk_id, total })
  if (approval_over !== undefined) await awaitApproval(tx, maker, { ...made, approval_over })
  const created = { bulk_id: child, warnings: [], awaiting_approval: approval_over !== undefined }
  await completion.complete(tx, createdAnswer(created, retry.bulk_id))
  return created
}

async function alreadyRetried(db: Db, maker: Maker, { bulk_id }: Retry): Promise<Refusal> {
  const bulk = await q.findBulk(db, maker.organization_id, bulk_id)
  const by = bulk && (await q.findOccupant(db, bulk.id, bulk.account_id))
  return new Refusal('BULK_ALREADY_RETRIED', by === undefined ? {} : { members: { bulkTransferId: by } })
}

const childOf = (
  bulk: Bulk,
  child: { readonly id: bigint; readonly bulk_id: BulkId; readonly created_by: string },
): q.NewBulk => ({
  ...child,
  organization_id: bulk.organization_id,
  account_id: bulk.account_id,
  parent_id: bulk.id,
  file_name: bulk.file_name,
  file_sha256: null,
  // A retry is not «the same list again»: it is known by its own id.
  list_hash: sha256(child.bulk_id).toString('hex').slice(0, 32),
  callback_url: bulk.callback_url,
  callback_wanted: bulk.callback_wanted,
  warnings: [],
})

/** Each named line must be of this batch and not uncertain; one that is paid or cancelled is passed over. */
async function checkNamed(tx: Tx, bulk: Bulk, transfer_ids: readonly string[]): Promise<void> {
  const found = new Map(
    (await q.selectStatuses(tx, bulk.id, transfer_ids)).map((line) => [line.transfer_id, line.status]),
  )
  for (const transferId of transfer_ids) {
    const status = found.get(transferId)
    if (status === undefined) throw new Refusal('TRANSFER_NOT_FOUND', { members: { transferId } })
    if (status === 'UNCERTAIN') throw new Refusal('BULK_LINES_UNCERTAIN', { members: { transferId } })
  }
}
