import { z } from 'zod'
import { MOST_CALLBACK_BYTES, type IdentityCheck } from '../../connectors/identity-check.ts'
import { may } from '../../identity/index.ts'
import { Refusal } from '../../platform/errors.ts'
import { defineRoute, type Route } from '../../platform/http/route.ts'
import { wakeCheck } from '../news.ts'
import { bringForward } from '../sql/checks.ts'

export const CALLBACK_PATH = '/api/auth/kyc/webhook/smile-id'

export type CallbackDeps = {
  /** Undefined where nobody checks identities: then no callback is ours. */
  readonly provider: IdentityCheck | undefined
  readonly hint_every_s: number
}

/** The provider's callback: a hint that brings a question forward. What it says of the person is not even read. */
export const callbackRoutes = ({ provider, hint_every_s }: CallbackDeps): readonly Route[] => [
  defineRoute({
    access: may('kyc.callback'),
    tags: ['identity check'],
    method: 'POST',
    path: CALLBACK_PATH,
    operation_id: 'receiveSmileIdCallback',
    summary: 'Smile ID’s callback: a hint, after which the provider is asked; nothing else is believed of it',
    lane: 'hint',
    body: z.looseObject({}),
    body_limit_bytes: MOST_CALLBACK_BYTES,
    response: { 200: z.object({ status: z.literal('received') }) },
    refusals: ['KYC_CALLBACK_REFUSED'],
    handle: async ({ ctx, body, request }) => {
      if (provider === undefined) throw new Refusal('KYC_CALLBACK_REFUSED')
      await ctx.db.tx(async (tx) => {
        const hint = provider.readCallback(body, request.headers, await tx.now())
        if (hint === undefined) throw new Refusal('KYC_CALLBACK_REFUSED')
        if (await bringForward(tx, hint, hint_every_s)) await wakeCheck(tx, hint.job_id)
      })
      return { status: 200, body: { status: 'received' } }
    },
  }),
]
