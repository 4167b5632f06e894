import type { Reader } from '../platform/db.ts'
import { Refusal, type RefusalDetail } from '../platform/errors.ts'
import * as q from './sql.ts'

export type SameList = {
  /** Within the days in which the caller must allow it; otherwise it is only worth a warning. */
  readonly too_soon: boolean
  readonly warning: {
    readonly code: 'SAME_LIST'
    readonly bulkTransferId: string
    readonly days_ago: number
  }
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
): Promise<SameList | undefined> {
  const { same_list_days, same_list_warning_days } = limits
  const days = Math.max(same_list_days, same_list_warning_days)
  const before = await q.findSameList(db, account, list_hash, days)
  if (before === undefined) return undefined
  const days_ago = Math.floor(before.days)
  return {
    too_soon: before.days < same_list_days,
    warning: { code: 'SAME_LIST', bulkTransferId: before.bulk_id, days_ago },
  }
}

/** Names the first batch and says how to pay it once more. With `errors`, its ids are also in the way. */
export function sameListRefusal({ warning }: SameList, more: RefusalDetail = {}): Refusal {
  const { bulkTransferId, days_ago } = warning
  const ids = more.errors !== undefined
  return new Refusal('SAME_LIST', {
    ...more,
    detail: {
      en: `${bulkTransferId} has the same rows. To pay them once more, send the form with allow_duplicate=true${ids ? ' and new transferIds' : ''}.`,
      fr: `${bulkTransferId} contient les mêmes lignes. Pour les payer encore une fois, renvoyez le formulaire avec allow_duplicate=true${ids ? ' et de nouveaux transferId' : ''}.`,
    },
    members: { ...more.members, bulkTransferId, days_ago },
  })
}
