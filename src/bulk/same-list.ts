import type { Reader } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import * as q from './sql.ts'

export type ListWarning = {
  readonly code: 'SAME_LIST'
  readonly bulkTransferId: string
  readonly days_ago: number
}

/**
 * Was the same list (rows, whatever their order, encoding or line ends) sent before by this payer? Within the first
 * limit it is refused unless the caller allows it, within the second it is a warning. Call it under the payer's lock.
 */
export async function checkSameList(
  db: Reader,
  limits: { readonly same_list_days: number; readonly same_list_warning_days: number },
  account: bigint,
  list_hash: string,
): Promise<{ too_soon: boolean; refusal: Refusal; warning: ListWarning } | undefined> {
  const { same_list_days, same_list_warning_days } = limits
  const before = await q.findSameList(
    db,
    account,
    list_hash,
    Math.max(same_list_days, same_list_warning_days),
  )
  if (before === undefined) return undefined
  const days_ago = Math.floor(before.days)
  return {
    too_soon: before.days < same_list_days,
    warning: { code: 'SAME_LIST', bulkTransferId: before.bulk_id, days_ago },
    refusal: new Refusal('SAME_LIST', {
      detail: {
        en: `${before.bulk_id} has the same rows. To pay them once more, send the form with allow_duplicate=true.`,
        fr: `${before.bulk_id} contient les mêmes lignes. Pour les payer encore une fois, renvoyez le formulaire avec allow_duplicate=true.`,
      },
      members: { bulkTransferId: before.bulk_id, days_ago },
    }),
  }
}
