import type { Refusal } from '../platform/errors.ts'
import { toJson } from '../platform/money.ts'
import { payerOf, takenIds, type CreateDeps, type Maker, type Upload } from './create.ts'
import { readRows } from './file/read-rows.ts'
import { checkSameList } from './same-list.ts'

/**
 * Says what a file would become and what would be refused, with every fault that is found; creates nothing. Amounts
 * in minor units. A file that cannot be read at all, or an unknown account, is refused as it would be for real.
 */
export async function checkFile(deps: CreateDeps, maker: Maker, upload: Upload) {
  const account = await payerOf(deps.db, maker, upload.payer_account)
  const reader = readRows(upload.path, deps.limits, { language: deps.language })
  for await (const _ of reader) void _
  const summary = reader.summary()
  const taken = await takenIds(deps, account, upload.path)
  const same = await checkSameList(deps.db, deps, account.id, summary.list_hash)

  const fees = deps.connection.fee_cap * BigInt(summary.total)
  const errors: Record<string, unknown>[] = [
    ...summary.errors,
    ...taken.repeated.errors,
    ...taken.used.errors,
  ]
    .slice(0, 100)
    .map((fault) => ({ ...fault }))
  let error_count = summary.error_count + taken.repeated.count + taken.used.count
  const add = (code: Refusal['code'], detail: string): void => {
    errors.push({ code, detail, pointer: '' })
    error_count += 1
  }
  if (summary.currency !== undefined && summary.currency !== account.currency)
    add('CURRENCY_NOT_OF_ACCOUNT', `${summary.currency} ≠ ${account.currency}`)
  if (summary.total_amount + fees > account.available)
    add('INSUFFICIENT_FUNDS', `${summary.total_amount + fees} > ${account.available} ${account.currency}`)
  if (same?.too_soon === true && !upload.allow_duplicate)
    add('SAME_LIST', same.refusal.more.detail?.[deps.language] ?? 'SAME_LIST')
  return {
    valid: error_count === 0,
    total: summary.total,
    total_amount: toJson(summary.total_amount),
    currency: summary.currency ?? account.currency,
    fees: toJson(fees),
    errors,
    error_count,
    warnings: [...summary.warnings, ...(same === undefined ? [] : [same.warning])].map((warning) => ({
      ...warning,
    })),
    available: toJson(account.available),
  }
}
