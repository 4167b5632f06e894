import { z } from 'zod'
import type { Actor } from '../platform/context.ts'
import { Refusal } from '../platform/errors.ts'
import { toJson } from '../platform/money.ts'
import type { PayerAccount } from './account.ts'

export const amount = z.int().describe('whole minor units; XAF and XOF: francs')
export const accountParams = z.object({ account_id: z.string().max(128) })

export const accountSchema = z
  .object({
    account_id: z.string(),
    party_id_type: z.string(),
    party_identifier: z.string(),
    currency: z.string(),
    balance: amount.describe('available plus reserved'),
    reserved: amount.describe('held for batches that are not final'),
    available: amount,
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'PayerAccount' })

/** An account as its organisation sees it. */
export const accountView = (account: PayerAccount): z.output<typeof accountSchema> => ({
  account_id: account.account_id,
  party_id_type: account.party_id_type,
  party_identifier: account.party_identifier,
  currency: account.currency,
  balance: toJson(account.balance),
  reserved: toJson(account.reserved),
  available: toJson(account.available),
  created_at: account.created_at.toISOString(),
})

/** The organisation that asks. */
export const organizationOf = (actor: Actor): bigint => {
  if (actor.kind !== 'organization') throw new Refusal('AUTHENTICATION_REQUIRED')
  return actor.organization_id
}
