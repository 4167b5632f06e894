import { z } from 'zod'
import { defineRoute, type Route } from '../../platform/http/route.ts'
import type { Identity } from '../identity.ts'
import { may } from '../matrix.ts'
import { anyPasswordSchema } from '../password/choose.ts'
import { confirmSecondFactor, removeSecondFactor, setUpSecondFactor } from '../second-factor.ts'
import { stepUp } from '../step-up.ts'
import { deviceOf, otp, signedIn, sixDigits } from './input.ts'

const common = { tags: ['people'], access: may('second_factor.manage'), method: 'POST' } as const

const stepUpRoute = (identity: Identity): Route =>
  defineRoute({
    ...common,
    path: '/api/auth/step-up',
    operation_id: 'stepUp',
    summary: 'Show the second factor again: for five minutes it counts for what is sensitive',
    body: z.strictObject({ otp }),
    response: { 200: z.object({ status: z.literal('done'), expires_in: z.int().describe('seconds') }) },
    refusals: ['SECOND_FACTOR_REQUIRED', 'SECOND_FACTOR_INVALID'],
    handle: async ({ ctx, actor, body }) => {
      const { person_id, session_id } = signedIn(actor)
      await stepUp(ctx.db, identity, { person_id, session_id, otp: body.otp })
      return { status: 200, body: { status: 'done', expires_in: identity.limits.step_up_s } }
    },
  })

/** The second factor of who is signed in: an app's codes, and codes on paper for when it is lost. */
export const secondFactorRoutes = (identity: Identity): readonly Route[] => [
  defineRoute({
    ...common,
    path: '/api/auth/second-factor/setup',
    operation_id: 'setUpSecondFactor',
    summary: 'A secret for an authenticator app, shown this once; it protects nothing before it is confirmed',
    lane: 'sign_in',
    body: z.strictObject({ password: anyPasswordSchema }),
    response: { 200: z.object({ secret: z.string(), otpauth_url: z.string() }) },
    refusals: ['PASSWORD_WRONG', 'SECOND_FACTOR_EXISTS'],
    handle: async ({ ctx, actor, body, request }) => {
      const { person_id } = signedIn(actor)
      const { address } = deviceOf(ctx, request)
      const by = { person_id, password: body.password, address }
      return { status: 200, body: await setUpSecondFactor(ctx.db, identity, by) }
    },
  }),
  defineRoute({
    ...common,
    path: '/api/auth/second-factor/confirm',
    operation_id: 'confirmSecondFactor',
    summary: 'Show that the app has the secret; answers the recovery codes, this once',
    body: z.strictObject({ otp: sixDigits }),
    response: { 200: z.object({ recovery_codes: z.array(z.string()) }) },
    refusals: ['SECOND_FACTOR_INVALID'],
    handle: async ({ ctx, actor, body }) => {
      const { person_id, session_id } = signedIn(actor)
      const by = { person_id, session_id, otp: body.otp }
      return { status: 200, body: { recovery_codes: await confirmSecondFactor(ctx.db, identity, by) } }
    },
  }),
  stepUpRoute(identity),
  defineRoute({
    ...common,
    path: '/api/auth/second-factor/remove',
    operation_id: 'removeSecondFactor',
    summary: 'Give the second factor up, by password and a code of it',
    lane: 'sign_in',
    body: z.strictObject({ password: anyPasswordSchema, otp }),
    response: { 200: z.object({ status: z.literal('done') }) },
    refusals: ['PASSWORD_WRONG', 'SECOND_FACTOR_INVALID'],
    handle: async ({ ctx, actor, body, request }) => {
      const { person_id } = signedIn(actor)
      const { address } = deviceOf(ctx, request)
      await removeSecondFactor(ctx.db, identity, { person_id, address, ...body })
      return { status: 200, body: { status: 'done' } }
    },
  }),
]
