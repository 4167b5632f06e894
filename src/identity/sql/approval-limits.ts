import { sql, type Reader, type Tx } from '../../platform/db.ts'
import type { Currency } from '../../platform/money.ts'

export type ApprovalLimit = { readonly currency: Currency; readonly amount: bigint }

/** Above which amount a batch of this organisation needs another person's approval; undefined where it never does. */
export const approvalOver = async (
  db: Reader,
  organization_id: bigint,
  currency: Currency,
): Promise<bigint | undefined> =>
  (
    await db.maybeOne<{ amount: bigint }>(sql`
      select amount from identity_approval_limits
      where organization_id = ${organization_id} and currency = ${currency}`)
  )?.amount

export const listApprovalLimits = (db: Reader, organization_id: bigint): Promise<ApprovalLimit[]> =>
  db.many(sql`
    select currency, amount from identity_approval_limits
    where organization_id = ${organization_id} order by currency`)

/** Puts these limits in the place of all there are. */
export async function replaceApprovalLimits(
  tx: Tx,
  organization_id: bigint,
  limits: readonly ApprovalLimit[],
): Promise<void> {
  await tx.run(sql`delete from identity_approval_limits where organization_id = ${organization_id}`)
  for (const { currency, amount } of limits)
    await tx.run(sql`
      insert into identity_approval_limits (organization_id, currency, amount)
      values (${organization_id}, ${currency}, ${amount})`)
}
