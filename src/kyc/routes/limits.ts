import { z } from 'zod'
import { may } from '../../identity/index.ts'
import type { Language } from '../../platform/http/language.ts'
import { defineRoute, type Route } from '../../platform/http/route.ts'
import { toJson } from '../../platform/money.ts'
import { raisedBy, readLimits, type CurrencyLimits, type Limits } from '../limits.ts'
import { signedIn } from './access.ts'

const amount = z.int()
const limitsSchema = z
  .object({
    tier: z
      .enum(['NONE', 'T0', 'T1', 'T2'])
      .describe('NONE: phone not verified; T0: verified; T1: a document on file; T2: identity verified'),
    raised_by: z.enum(['VERIFY_PHONE', 'SEND_DOCUMENT', 'VERIFY_IDENTITY']).nullable(),
    raised_by_text: z.string(),
    limits: z.array(
      z.object({
        currency: z.enum(['XAF', 'XOF']),
        per_transaction: amount,
        per_day: amount.describe('in 24 hours'),
        per_month: amount.describe('in 30 days'),
        balance: amount.nullable().describe('null: no limit of ours; issuers of e-money have their own'),
        used_day: amount,
        used_month: amount,
        left_day: amount,
        left_month: amount,
      }),
    ),
  })
  .meta({ id: 'KycLimits' })

const atLeastZero = (left: bigint): number => toJson(left > 0n ? left : 0n)

const currencyView = ({ currency, limits, used }: CurrencyLimits) => {
  const { per_transaction = 0n, per_day = 0n, per_month = 0n, balance = null } = limits ?? {}
  return {
    currency,
    per_transaction: toJson(per_transaction),
    per_day: toJson(per_day),
    per_month: toJson(per_month),
    balance: balance === null ? null : toJson(balance),
    used_day: toJson(used.day),
    used_month: toJson(used.month),
    left_day: atLeastZero(per_day - used.day),
    left_month: atLeastZero(per_month - used.month),
  }
}

const limitsView = ({ tier, currencies }: Limits, language: Language): z.output<typeof limitsSchema> => ({
  tier,
  raised_by: raisedBy[tier].code,
  raised_by_text: raisedBy[tier][language],
  limits: currencies.map(currencyView),
})

/** What the person who is signed in may move. */
export const limitRoutes: readonly Route[] = [
  defineRoute({
    access: may('kyc.status.read'),
    tags: ['identity check'],
    method: 'GET',
    path: '/api/auth/kyc/limits',
    operation_id: 'getKycLimits',
    summary: 'What you may move, what you have moved, and what would raise it',
    response: { 200: limitsSchema },
    refusals: ['PERSON_NOT_FOUND'],
    handle: async ({ ctx, actor, language }) => {
      const { person_id } = signedIn(actor)
      return {
        status: 200,
        body: limitsView(await ctx.db.tx((tx) => readLimits(tx, person_id)), language),
      }
    },
  }),
]
