import { z } from 'zod'
import { Refusal } from '../../platform/errors.ts'
import { defineRoute, type Route } from '../../platform/http/route.ts'
import type { Identity } from '../identity.ts'
import { may } from '../matrix.ts'
import { endSession, logout } from '../session.ts'
import { listSessions } from '../sql/sessions.ts'
import { resendVerification, verifyPhone } from '../verify-phone.ts'
import { personSchema, personView, sessionSchema, sessionView } from '../view.ts'
import { sixDigits, signedIn } from './input.ts'

const common = { tags: ['people'] } as const
const done = z.object({ status: z.literal('done') })
const doneAnswer = { status: 200, body: { status: 'done' } } as const

const phoneRoutes = (identity: Identity): readonly Route[] => [
  defineRoute({
    ...common,
    access: may('phone.verify'),
    method: 'POST',
    path: '/api/auth/verify-phone',
    operation_id: 'verifyPhone',
    summary: 'Prove the phone with the code that was sent: five tries a code',
    body: z.strictObject({ verification_code: sixDigits }),
    response: { 200: z.object({ status: z.literal('done'), user: personSchema }) },
    refusals: ['CODE_INVALID', 'CODE_LOCKED'],
    handle: async ({ ctx, actor, body }) => {
      const guess = { person_id: signedIn(actor).person_id, code: body.verification_code }
      const person = await verifyPhone(ctx.db, identity, guess)
      return { status: 200, body: { status: 'done', user: personView(person) } }
    },
  }),
  defineRoute({
    ...common,
    access: may('phone.verify'),
    method: 'POST',
    path: '/api/auth/resend-verification',
    operation_id: 'resendVerification',
    summary: 'Send another code: three an hour, five a day; only the newest counts',
    body: z.strictObject({}),
    response: { 200: done },
    refusals: ['PHONE_VERIFIED_ALREADY'],
    handle: async ({ ctx, actor }) => {
      await resendVerification(ctx.db, identity, signedIn(actor).person_id)
      return doneAnswer
    },
  }),
]

const sessionRoutes: readonly Route[] = [
  defineRoute({
    ...common,
    access: may('session.manage'),
    method: 'POST',
    path: '/api/auth/logout',
    operation_id: 'logout',
    summary: 'End this session, or the one of the given refresh token',
    body: z.strictObject({ refresh_token: z.string().min(1).max(200).optional() }),
    response: { 200: done },
    refusals: [],
    handle: async ({ ctx, actor, body }) => {
      const { person_id, session_id } = signedIn(actor)
      const { refresh_token } = body
      await ctx.db.tx(async (tx) => {
        if (refresh_token === undefined) await endSession(tx, { id: session_id, person_id }, 'LOGOUT')
        else await logout(tx, person_id, refresh_token)
      })
      return doneAnswer
    },
  }),
  defineRoute({
    ...common,
    access: may('session.manage'),
    method: 'GET',
    path: '/api/auth/sessions',
    operation_id: 'listSessions',
    summary: 'Where this person is signed in',
    response: { 200: z.object({ sessions: z.array(sessionSchema) }) },
    refusals: [],
    handle: async ({ ctx, actor }) => {
      const { person_id, session_id } = signedIn(actor)
      const sessions = await listSessions(ctx.db, person_id)
      return { status: 200, body: { sessions: sessions.map((one) => sessionView(one, session_id)) } }
    },
  }),
  defineRoute({
    ...common,
    access: may('session.manage'),
    method: 'DELETE',
    path: '/api/auth/sessions/:session_id',
    operation_id: 'revokeSession',
    summary: 'End one session; its access token is refused from then on',
    params: z.object({ session_id: z.string().max(64) }),
    response: { 200: done },
    refusals: ['SESSION_NOT_FOUND'],
    handle: async ({ ctx, actor, params }) => {
      const { person_id } = signedIn(actor)
      const of = { id: params.session_id, person_id }
      if (!(await ctx.db.tx((tx) => endSession(tx, of, 'REVOKED')))) throw new Refusal('SESSION_NOT_FOUND')
      return doneAnswer
    },
  }),
]

/** What somebody who is signed in does with his own account. */
export const personRoutes = (identity: Identity): readonly Route[] => [
  ...phoneRoutes(identity),
  ...sessionRoutes,
]
