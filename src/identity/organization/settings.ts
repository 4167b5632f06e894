import { z } from 'zod'
import { record } from '../../audit/index.ts'
import type { Reader, Tx } from '../../platform/db.ts'
import { Refusal } from '../../platform/errors.ts'
import { currencies, toJson, type Currency } from '../../platform/money.ts'
import { listApprovalLimits, replaceApprovalLimits } from '../sql/approval-limits.ts'

const known = Object.keys(currencies) as readonly Currency[]
export const amountOver = z.int().min(0).max(Number.MAX_SAFE_INTEGER)

/** Above which sum a batch needs another person, by currency; null: never. */
export const approvalOverSchema = z.partialRecord(z.enum(currencyNames()), amountOver).nullable()
export type ApprovalOver = z.output<typeof approvalOverSchema>

/** What a proposal about settings holds. */
export const settingsChange = z.strictObject({ before: approvalOverSchema, after: approvalOverSchema })

function currencyNames(): readonly [Currency, ...Currency[]] {
  const [first, ...others] = known
  if (first === undefined) throw new Error('there is no currency')
  return [first, ...others]
}

/** One amount stands for every currency; an empty object for none. */
export function readApprovalOver(given: number | ApprovalOver): ApprovalOver {
  if (typeof given === 'number') return Object.fromEntries(known.map((currency) => [currency, given]))
  return given === null || Object.keys(given).length === 0 ? null : given
}

export async function approvalOverOf(db: Reader, organization_id: bigint): Promise<ApprovalOver> {
  const limits = await listApprovalLimits(db, organization_id)
  if (limits.length === 0) return null
  return Object.fromEntries(limits.map(({ currency, amount }) => [currency, toJson(amount)]))
}

/** Whether the two say the same. */
export const sameLimits = (one: ApprovalOver, other: ApprovalOver): boolean =>
  known.every((currency) => one?.[currency] === other?.[currency])

/** The confirmed settings take the place of the former ones. Batches that wait go on waiting; approved ones go on. */
export async function applySettings(
  tx: Tx,
  by: string,
  organization_id: bigint,
  { before, after }: z.output<typeof settingsChange>,
): Promise<void> {
  if (!sameLimits(before, await approvalOverOf(tx, organization_id))) throw new Refusal('PROPOSAL_OUTDATED')
  const limits = known.flatMap((currency) => {
    const amount = after?.[currency]
    return amount === undefined ? [] : [{ currency, amount: BigInt(amount) }]
  })
  await replaceApprovalLimits(tx, organization_id, limits)
  await record(tx, {
    actor: by,
    action: 'organization.settings_changed',
    subject: `organization:${organization_id}`,
    organization_id,
    before: { approval_over: before },
    after: { approval_over: after },
  })
}
