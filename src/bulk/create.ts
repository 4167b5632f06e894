import { record } from '../audit/index.ts'
import {
  findAccount,
  findUsedTransferIds,
  isTransferIdTaken,
  listAccounts,
  lockPayer,
  nextBatchId,
  reserve,
  writeLines,
  type NewLine,
  type PayerAccount,
} from '../payments/index.ts'
import type { Db, Reader, Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import type { Completion } from '../platform/http/idempotency.ts'
import type { Language } from '../platform/http/language.ts'
import { newId, type BulkId } from '../platform/ids.ts'
import { toJson } from '../platform/money.ts'
import { findDuplicates, findUsed, type TakenIds } from './file/duplicates.ts'
import { readRows, rowsRefusal, type FileLimits, type FileSummary } from './file/read-rows.ts'
import { checkSameList } from './same-list.ts'
import * as q from './sql.ts'

export type Upload = {
  readonly path: string
  readonly sha256: Buffer
  readonly file_name: string | null
  readonly payer_account: string | undefined
  readonly callback: { readonly url: string; readonly wanted: boolean } | undefined
  readonly allow_duplicate: boolean
}

export type CreateDeps = {
  readonly db: Db
  readonly limits: FileLimits
  /** The connection that pays, and the fee that it may cost per line, in minor units. */
  readonly connection: { readonly id: string; readonly fee_cap: bigint }
  readonly same_list_days: number
  readonly same_list_warning_days: number
  readonly language: Language
}

export type Maker = { readonly organization_id: bigint; readonly name: string }

export type Created = { readonly bulk_id: BulkId; readonly warnings: readonly object[] }

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
        const fault = rowsRefusal(draft.summary)
        if (fault) throw fault
        await lockPayer(tx, draft.account)
        const list = await checkSameList(tx, deps, draft.account.id, draft.summary.list_hash)
        if (list?.too_soon === true && !upload.allow_duplicate) throw list.refusal
        const warnings = [...draft.summary.warnings, ...(list === undefined ? [] : [list.warning])]
        await keep(tx, deps, maker, upload, { ...draft, bulk_id, warnings })
        const body = {
          bulkTransferId: bulk_id,
          state: 'PENDING',
          ...(warnings.length > 0 ? { warnings } : {}),
        }
        const headers = { location: `/api/bulk-transfers/${bulk_id}/status` }
        await completion.complete(tx, { status: 201, body, headers })
        return { bulk_id, warnings }
      },
      {
        timeout_ms: TIMEOUT_MS,
        // The batch's own id tells whether a lost commit arrived.
        reread: async (db) =>
          (await q.findBulk(db, maker.organization_id, bulk_id)) ? { bulk_id, warnings: [] } : undefined,
      },
    )
  return withDiagnosis(deps, maker, upload, create)
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
  async function* lines(): AsyncGenerator<NewLine[]> {
    for await (const rows of reader) {
      if (rows[0] !== undefined && rows[0].currency !== account.currency)
        throw new Refusal('CURRENCY_NOT_OF_ACCOUNT', {
          errors: [
            {
              pointer: `/rows/${rows[0].line}/currency`,
              line: rows[0].line,
              detail: `${rows[0].currency} ≠ ${account.currency}`,
            },
          ],
          members: { expected: account.currency, found: rows[0].currency },
        })
      yield rows.map((row) =>
        row.transfer_id === '' ? { ...row, transfer_id: `${bulk_id}-${row.seq}` } : row,
      )
    }
  }
  await writeLines(tx, id, account, lines())
  return { id, account, summary: reader.summary() }
}

/** The named account, or the organisation's only one. */
export async function payerOf(
  tx: Reader,
  maker: Maker,
  account_id: string | undefined,
): Promise<PayerAccount> {
  if (account_id !== undefined) return findAccount(tx, maker.organization_id, account_id)
  const [only, second] = await listAccounts(tx, maker.organization_id, { after: 0n, limit: 2 })
  if (only === undefined) throw new Refusal('PAYER_ACCOUNT_NOT_FOUND')
  if (second !== undefined) throw new Refusal('PAYER_ACCOUNT_REQUIRED')
  return only
}

async function keep(
  tx: Tx,
  deps: CreateDeps,
  maker: Maker,
  upload: Upload,
  draft: Draft & { readonly bulk_id: BulkId; readonly warnings: readonly object[] },
): Promise<void> {
  const { id, summary, bulk_id } = draft
  // Read again: the money may have moved while the rows were copied.
  const { available } = await findAccount(tx, maker.organization_id, draft.account.account_id)
  await reserve(tx, draft.account, available, {
    batch_id: id,
    connection_id: deps.connection.id,
    purpose: 'BULK_LINE',
    fee_cap: deps.connection.fee_cap,
    total: summary.total,
    total_amount: summary.total_amount,
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
}

/** The unique index is the first line of defence; when it refuses, the file is read again to say which rows. */
async function withDiagnosis<T>(
  deps: CreateDeps,
  maker: Maker,
  upload: Upload,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      // Not a handling of the error but its explanation: what is thrown in its place names the rows.
      if (!isTransferIdTaken(error)) throw error
      const account = await payerOf(deps.db, maker, upload.payer_account)
      const refusal = takenRefusal(await takenIds(deps, account, upload.path))
      if (refusal !== undefined) throw refusal
      // The line that held the id was freed in between.
      if (attempt === 3) throw new Refusal('FILE_DUPLICATES')
    }
  }
}

export type Taken = { readonly repeated: TakenIds; readonly used: TakenIds }

/** Which transfer ids stand twice in the file, and which this payer's open or paid lines already use. */
export async function takenIds(deps: CreateDeps, account: PayerAccount, path: string): Promise<Taken> {
  const { language } = deps
  const lookup = (ids: readonly string[]): Promise<string[]> => findUsedTransferIds(deps.db, account, ids)
  const repeated = await findDuplicates(path, deps.limits, { language })
  return { repeated, used: await findUsed(path, deps.limits, { lookup, language }) }
}

/** Repeated ids are a fault of the file (400); ids that are used elsewhere are a conflict (409). */
export function takenRefusal({ repeated, used }: Taken): Refusal | undefined {
  const error_count = repeated.count + used.count
  if (error_count === 0) return undefined
  const errors = [...repeated.errors, ...used.errors].slice(0, 100)
  return new Refusal(repeated.count > 0 ? 'FILE_ROWS_INVALID' : 'FILE_DUPLICATES', {
    errors,
    members: { error_count },
  })
}
