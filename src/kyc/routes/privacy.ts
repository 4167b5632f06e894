import { z } from 'zod'
import { may } from '../../identity/index.ts'
import { defineRoute, type Route } from '../../platform/http/route.ts'
import { decideErasure, endHold, requestErasure, setHold } from '../erase.ts'
import { exportAll } from '../export.ts'
import { removeErasedFiles } from '../keep-house.ts'
import type { Kyc } from '../kyc.ts'
import { listErasures, type Erasure } from '../sql/privacy.ts'
import { signedIn } from './access.ts'
import { personId } from './admin.ts'

const reason = z.string().trim().min(1).max(500)

const erasureSchema = z
  .object({
    id: z.int(),
    user_id: z.int(),
    state: z.enum(['REQUESTED', 'REFUSED', 'DONE']),
    requested_at: z.iso.datetime(),
    decided_at: z.iso.datetime().nullable(),
    reason: z.string().nullable(),
  })
  .meta({ id: 'Erasure' })

const erasureView = (one: Erasure): z.output<typeof erasureSchema> => ({
  id: Number(one.id),
  user_id: Number(one.person_id),
  state: one.state,
  requested_at: one.requested_at.toISOString(),
  decided_at: one.decided_at?.toISOString() ?? null,
  reason: one.reason,
})

const ownRoutes: readonly Route[] = [
  defineRoute({
    access: may('privacy.export'),
    tags: ['privacy'],
    method: 'GET',
    path: '/api/auth/export',
    operation_id: 'exportOwnData',
    summary: 'Everything that is kept about you, without secrets; documents are named, and can be downloaded',
    response: { 200: z.looseObject({ exported_at: z.iso.datetime() }) },
    refusals: ['PERSON_NOT_FOUND'],
    handle: async ({ ctx, actor }) => {
      const { person_id } = signedIn(actor)
      const { exported_at, ...rest } = await exportAll(ctx.db, person_id)
      const headers = { 'content-disposition': 'attachment; filename="cauri-export.json"' }
      return { status: 200, body: { exported_at: String(exported_at), ...rest }, headers }
    },
  }),
  defineRoute({
    access: may('privacy.erase.request'),
    tags: ['privacy'],
    method: 'POST',
    path: '/api/auth/erasure',
    operation_id: 'requestErasure',
    summary: 'Ask to be forgotten; an administrator decides, for the law wants some things kept',
    response: { 202: erasureSchema },
    refusals: ['ERASURE_REQUESTED_ALREADY'],
    handle: async ({ ctx, actor }) => ({
      status: 202,
      body: erasureView(await requestErasure(ctx.db, signedIn(actor).person_id)),
    }),
  }),
]

const erasureRoutes = (kyc: Kyc): readonly Route[] => [
  defineRoute({
    access: may('privacy.erase.decide'),
    tags: ['administration'],
    method: 'GET',
    path: '/api/auth/admin/erasures',
    operation_id: 'listErasures',
    summary: 'Requests to be forgotten that wait, longest waiting first',
    response: { 200: z.object({ erasures: z.array(erasureSchema) }) },
    refusals: [],
    handle: async ({ ctx }) => ({
      status: 200,
      body: { erasures: (await listErasures(ctx.db, 200)).map(erasureView) },
    }),
  }),
  defineRoute({
    access: may('privacy.erase.decide'),
    tags: ['administration'],
    method: 'POST',
    path: '/api/auth/admin/erasures/:id/decide',
    operation_id: 'decideErasure',
    summary: 'Approve or reject a request to be forgotten; approved, nothing brings it back',
    params: z.object({ id: personId }),
    body: z
      .strictObject({ action: z.enum(['approve', 'reject']), reason: reason.optional() })
      .refine((said) => said.action === 'approve' || said.reason !== undefined, { path: ['reason'] }),
    response: { 200: erasureSchema },
    refusals: ['ERASURE_NOT_FOUND', 'KYC_OWN_FILE', 'LEGAL_HOLD', 'RETENTION_REQUIRED'],
    handle: async ({ ctx, actor, params, body }) => {
      const said = { id: params.id, admin_id: signedIn(actor).person_id, ...body, reason: body.reason }
      const erasure = await decideErasure(ctx.db, kyc, said)
      // The keys are gone with the commit; where the store is away, the house-keeping removes the noise.
      if (erasure.state === 'DONE')
        await removeErasedFiles(ctx.db, kyc).catch((err: unknown) =>
          ctx.log.warn({ err }, 'the files of erased documents wait for the next house-keeping'),
        )
      return { status: 200, body: erasureView(erasure) }
    },
  }),
]

const common = { access: may('kyc.hold'), tags: ['administration'], method: 'POST' } as const

const holdRoutes: readonly Route[] = [
  defineRoute({
    ...common,
    path: '/api/auth/admin/kyc/:user_id/hold',
    operation_id: 'setLegalHold',
    summary: 'Forbid, for a reason of law, that anything of a person is erased',
    params: z.object({ user_id: personId }),
    body: z.strictObject({ reason }),
    response: { 201: z.object({ user_id: z.int(), reason: z.string(), set_at: z.iso.datetime() }) },
    refusals: ['PERSON_NOT_FOUND', 'LEGAL_HOLD_STANDS'],
    handle: async ({ ctx, actor, params, body }) => {
      const asked = { person_id: params.user_id, reason: body.reason, set_by: signedIn(actor).person_id }
      const hold = await setHold(ctx.db, asked)
      const { reason: why, set_at } = hold
      return {
        status: 201,
        body: { user_id: Number(params.user_id), reason: why, set_at: set_at.toISOString() },
      }
    },
  }),
  defineRoute({
    ...common,
    path: '/api/auth/admin/kyc/:user_id/hold/release',
    operation_id: 'releaseLegalHold',
    summary: 'End a legal hold, with a reason',
    params: z.object({ user_id: personId }),
    body: z.strictObject({ reason }),
    response: { 200: z.object({ status: z.literal('released') }) },
    refusals: ['LEGAL_HOLD_NOT_FOUND'],
    handle: async ({ ctx, actor, params, body }) => {
      await endHold(ctx.db, { person_id: params.user_id, reason: body.reason, by: signedIn(actor).person_id })
      return { status: 200, body: { status: 'released' } }
    },
  }),
]

/** What people may ask about their data, and what administrators decide. */
export const privacyRoutes = (kyc: Kyc): readonly Route[] => [
  ...ownRoutes,
  ...erasureRoutes(kyc),
  ...holdRoutes,
]
