import { record } from '../audit/index.ts'
import {
  findAccount,
  isTransferIdTaken,
  lockPayer,
  nextBatchId,
  reserve,
  writeLines,
  type NewLine,
  type PayerAccount,
} from '../payments/index.ts'
import { crashPoint } from '../platform/crash-point.ts'
import type { Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import type { Completion } from '../platform/http/idempotency.ts'
import { newId, type BulkId } from '../platform/ids.ts'
import { toJson } from '../platform/money.ts'
import { approvalNeeded, awaitApproval } from './approve.ts'
import { currencyFault, diagnose, payerOf } from './check-file.ts'
import type { CreateDeps, Maker, Upload, Warning } from './deps.ts'
import { readRows, rowsRefusal, type FileSummary } from './file/read-rows.ts'
import { checkSameList, sameListRefusal } from './same-list.ts'
import * as q from './sql.ts'

export type Created = {
  readonly bulk_id: BulkId
  readonly warnings: readonly Warning[]
  readonly awaiting_approval: boolean
}

/** The answer of the upload, as it is sent and as it is kept for the Idempotency-Key. */
export type CreatedAnswer = {
  readonly status: 201
  readonly body: {
    readonly bulkTransferId: BulkId
    readonly state: 'PENDING'
    readonly parent?: string
    readonly awaiting_approval?: true
    readonly warnings?: readonly Warning[]
  }
  readonly headers: { readonly location: string }
}

export const createdAnswer = (
  { bulk_id, warnings, awaiting_approval }: Created,
  parent?: string,
): CreatedAnswer => ({
  status: 201,
  body: {
    bulkTransferId: bulk_id,
    state: 'PENDING',
    ...(parent === undefined ? {} : { parent }),
    ...(awaiting_approval ? { awaiting_approval } : {}),
    ...(warnings.length === 0 ? {} : { warnings }),
  },
  headers: { location: `/api/bulk-transfers/${bulk_id}/status` },
})

/** Reading, copying and indexing a million rows is one transaction; its own limit is ten minutes. */
const TIMEOUT_MS = 600_000

/**
 * Turns an uploaded file into a batch whose money is reserved: rows read, checked and copied, then, under the payer's
 * lock, the same-list check, the reservation and the batch itself, all in one transaction. Every refusal leaves
 * nothing behind. `completion` keeps the answer for the caller's Idempotency-Key in the same transaction.
 */
export async function createBulk(
  deps: CreateDeps,
  maker: Maker,
  upload: Upload,
  completion: Completion,
): Promise<Created> {
  const bulk_id = newId('bulk-')
  const create = (): Promise<Created> =>
    deps.db.tx(
      async (tx) => {
        const draft = await draftBulk(tx, deps, maker, upload, bulk_id)
        crashPoint('upload.copied')
        const fault = rowsRefusal(draft.summary)
        if (fault) throw fault
        await lockPayer(tx, draft.account)
        const list = await checkSameList(tx, deps, draft.account.id, draft.summary.list_hash)
        if (list?.too_soon === true && !upload.allow_duplicate) throw sameListRefusal(list)
        const warnings = [...draft.summary.warnings, ...(list === undefined ? [] : [list.warning])]
        const awaiting_approval = await keep(tx, deps, maker, upload, { ...draft, bulk_id, warnings })
        crashPoint('upload.reserved')
        const created = { bulk_id, warnings, awaiting_approval }
        await completion.complete(tx, createdAnswer(created))
        return created
      },
      {
        timeout_ms: TIMEOUT_MS,
        // The batch's own id tells whether a lost commit arrived.
        reread: async (db) => {
          const made = await q.findBulk(db, maker.organization_id, bulk_id)
          return made && { bulk_id, warnings: [], awaiting_approval: made.awaiting_approval }
        },
      },
    )
  for (let attempt = 1; ; attempt++) {
    try {
      return await create()
    } catch (error) {
      // Not a handling of the error but its explanation: what is thrown in its place names every row.
      const taken = isTransferIdTaken(error)
      if (!taken && !(error instanceof Refusal && error.code === 'FILE_ROWS_INVALID')) throw error
      const refusal = await diagnose(deps, maker, upload, taken)
      if (refusal !== undefined) throw refusal
      // The line that held the id was freed in between: once more.
      if (!taken || attempt === 3) throw taken ? new Refusal('FILE_DUPLICATES') : error
    }
  }
}

type Draft = { readonly id: bigint; readonly account: PayerAccount; readonly summary: FileSummary }

/** Reads the file and copies its rows as lines. The money is not touched. */
async function draftBulk(
  tx: Tx,
  deps: CreateDeps,
  maker: Maker,
  upload: Upload,
  bulk_id: string,
): Promise<Draft> {
  const account = await payerOf(tx, maker, upload.payer_account)
  const id = await nextBatchId(tx)
  const reader = readRows(upload.path, deps.limits, { language: deps.language })
  async function* lines(): AsyncGenerator<readonly NewLine[]> {
    let first = true
    for await (const rows of reader) {
      const fault = first && currencyFault(rows[0], reader.columns(), account, deps.language)
      if (fault) throw new Refusal('CURRENCY_NOT_OF_ACCOUNT', { errors: [fault] })
      first = false
      // In a payment list the ids are ours: the batch's, and the place in the file.
      yield rows[0]?.transfer_id === ''
        ? rows.map((row) => ({ ...row, transfer_id: `${bulk_id}-${row.seq}` }))
        : rows
    }
  }
  await writeLines(tx, id, account, lines())
  return { id, account, summary: reader.summary() }
}

/** Reserves and writes the batch down. Answers whether it must be approved before anything of it is paid. */
async function keep(
  tx: Tx,
  deps: CreateDeps,
  maker: Maker,
  upload: Upload,
  draft: Draft & { readonly bulk_id: BulkId; readonly warnings: readonly Warning[] },
): Promise<boolean> {
  const { id, summary, bulk_id } = draft
  const { currency } = draft.account
  // Read again: the money may have moved while the rows were copied.
  const { available } = await findAccount(tx, maker.organization_id, draft.account.account_id)
  const approval_over = await approvalNeeded(tx, maker, { currency, total_amount: summary.total_amount })
  await reserve(tx, draft.account, available, {
    batch_id: id,
    connection_id: deps.connection.id,
    purpose: 'BULK_LINE',
    fee_cap: deps.connection.fee_cap,
    total: summary.total,
    total_amount: summary.total_amount,
    awaits_approval: approval_over !== undefined,
  })
  await q.insertBulk(tx, {
    id,
    bulk_id,
    organization_id: maker.organization_id,
    account_id: draft.account.id,
    parent_id: null,
    file_name: upload.file_name,
    file_sha256: upload.sha256,
    list_hash: summary.list_hash,
    callback_url: upload.callback?.url ?? null,
    callback_wanted: upload.callback?.wanted ?? false,
    warnings: draft.warnings,
    created_by: maker.name,
  })
  const detail = {
    payer_account: draft.account.account_id,
    total: summary.total,
    total_amount: toJson(summary.total_amount),
    file_sha256: upload.sha256.toString('hex'),
    list_hash: summary.list_hash,
  }
  const { organization_id } = maker
  await record(tx, { actor: maker.name, action: 'bulk.created', subject: bulk_id, organization_id, detail })
  if (approval_over === undefined) return false
  await awaitApproval(tx, maker, { id, bulk_id, list_hash: summary.list_hash, approval_over })
  return true
}
