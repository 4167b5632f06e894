import { z } from 'zod'
import { defineRoute, type Route } from '../../platform/http/route.ts'
import { changePassword, confirmReset, requestReset } from '../change-password.ts'
import type { Identity } from '../identity.ts'
import { may } from '../matrix.ts'
import { anyPasswordSchema, newPasswordSchema } from '../password/choose.ts'
import { deviceOf, email, identifierOf, phone, saysWho, sixDigits, signedIn } from './input.ts'

const done = z.object({ status: z.literal('done') })
const who = { phone_number: phone.optional(), email: email.optional() }

const changeRoute = (identity: Identity): Route =>
  defineRoute({
    method: 'POST',
    path: '/api/auth/change-password',
    operation_id: 'changePassword',
    summary: 'Change the password; all other sessions end',
    tags: ['people'],
    access: may('password.change'),
    lane: 'sign_in',
    body: z.strictObject({
      current_password: anyPasswordSchema,
      new_password: newPasswordSchema,
      new_password_confirmation: z.string().max(256),
    }),
    response: { 200: done },
    refusals: ['PASSWORD_WRONG', 'PASSWORD_TOO_COMMON', 'PASSWORD_CONFIRMATION_DIFFERS'],
    handle: async ({ ctx, actor, body, request }) => {
      const { person_id, session_id } = signedIn(actor)
      const { address } = deviceOf(ctx, request)
      await changePassword(ctx.db, identity, { person_id, session_id, address, ...body })
      return { status: 200, body: { status: 'done' } }
    },
  })

const requestRoute = (identity: Identity): Route =>
  defineRoute({
    method: 'POST',
    path: '/api/auth/password-reset/request',
    operation_id: 'requestPasswordReset',
    summary: 'Ask for a code to set a new password; the answer is the same whether the account exists or not',
    tags: ['sign-in'],
    access: may('auth.sign_in'),
    lane: 'sign_in',
    body: z.strictObject(who).refine(saysWho),
    response: { 202: z.object({ status: z.literal('accepted') }) },
    refusals: ['PHONE_INVALID'],
    handle: async ({ ctx, body, request }) => {
      const { address } = deviceOf(ctx, request)
      await requestReset(ctx.db, identity, { account: identifierOf(body), address })
      return { status: 202, body: { status: 'accepted' } }
    },
  })

const confirmRoute = (identity: Identity): Route =>
  defineRoute({
    method: 'POST',
    path: '/api/auth/password-reset/confirm',
    operation_id: 'confirmPasswordReset',
    summary: 'Set a new password by the code that was sent; all sessions end',
    tags: ['sign-in'],
    access: may('auth.sign_in'),
    lane: 'sign_in',
    body: z.strictObject({ ...who, reset_code: sixDigits, new_password: newPasswordSchema }).refine(saysWho),
    response: { 200: done },
    refusals: ['PHONE_INVALID', 'CODE_INVALID', 'PASSWORD_TOO_COMMON'],
    handle: async ({ ctx, body, request }) => {
      const { address } = deviceOf(ctx, request)
      const { reset_code: code, new_password } = body
      await confirmReset(ctx.db, identity, { account: identifierOf(body), code, new_password, address })
      return { status: 200, body: { status: 'done' } }
    },
  })

/** Passwords: changed by who knows the old one, or set anew by who holds the phone. */
export const passwordRoutes = (identity: Identity): readonly Route[] => [
  changeRoute(identity),
  requestRoute(identity),
  confirmRoute(identity),
]
