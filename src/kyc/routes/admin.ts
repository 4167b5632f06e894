import { z } from 'zod'
import { kycStates, may, personName } from '../../identity/index.ts'
import { record } from '../../audit/index.ts'
import { defineRoute, type Route } from '../../platform/http/route.ts'
import type { Kyc } from '../kyc.ts'
import { listReviewFiles, reviewFileSchema } from '../review-list.ts'
import { reviewFile } from '../review.ts'
import { signedIn } from './access.ts'

const common = { tags: ['administration'], access: may('kyc.review') } as const
export const personId = z.coerce.bigint().min(1n).max(9_007_199_254_740_991n)

const reviewed = z.object({
  user_id: z.int(),
  kyc_status: z.enum(kycStates),
  awaiting_second_approval: z.boolean().describe('true: another administrator must approve as well'),
})

/** What administrators do about the identity of others. */
export const adminRoutes = (kyc: Kyc): readonly Route[] => [
  defineRoute({
    ...common,
    method: 'GET',
    path: '/api/auth/admin/kyc',
    operation_id: 'listKycReviews',
    summary: 'Files that people must look at, longest waiting first',
    query: z.object({
      limit: z.coerce.number().int().min(1).max(200).default(50),
      cursor: z
        .string()
        .regex(/^\d{1,16}-\d{1,16}$/)
        .optional(),
    }),
    response: { 200: z.object({ files: z.array(reviewFileSchema), next_cursor: z.string().nullable() }) },
    refusals: [],
    handle: async ({ ctx, actor, query, language }) => {
      const admin = signedIn(actor)
      const body = await listReviewFiles(ctx.db, { kyc, ...query, language })
      const subjects = body.files.map((one) => one.user_id).join(' ')
      const act = { actor: personName(admin.person_id), action: 'kyc.reviews.read', subject: 'kyc' }
      await ctx.db.tx((tx) => record(tx, { ...act, detail: { people: subjects } }))
      const next = `/api/auth/admin/kyc?limit=${query.limit}&cursor=${body.next_cursor}`
      const headers = body.next_cursor === null ? {} : { link: `<${next}>; rel="next"` }
      return { status: 200, body, headers }
    },
  }),
  defineRoute({
    ...common,
    method: 'POST',
    path: '/api/auth/admin/kyc/:user_id/approve',
    operation_id: 'reviewKyc',
    summary: 'Approve or reject a person’s file; two administrators where the provider had refused it',
    params: z.object({ user_id: personId }),
    body: z
      .strictObject({
        action: z.enum(['approve', 'reject']),
        reason: z
          .string()
          .trim()
          .min(1)
          .max(500)
          .optional()
          .describe('required for reject; the person reads it'),
      })
      .refine(({ action, reason }) => action === 'approve' || reason !== undefined, { path: ['reason'] }),
    response: { 200: reviewed },
    refusals: ['PERSON_NOT_FOUND', 'KYC_OWN_FILE', 'KYC_SAME_PERSON', 'KYC_DOCUMENTS_MISSING'],
    handle: async ({ ctx, actor, params, body }) => {
      const { person_id: admin_id } = signedIn(actor)
      const { action, reason } = body
      const said = await reviewFile(ctx.db, kyc, { person_id: params.user_id, admin_id, action, reason })
      return { status: 200, body: { user_id: Number(params.user_id), ...said } }
    },
  }),
]
