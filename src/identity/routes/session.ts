import { z } from 'zod'
import { refuseOtherSites } from '../../platform/http/own-site.ts'
import { defineRoute, type Route } from '../../platform/http/route.ts'
import { sessionCookie } from '../../platform/http/session-cookie.ts'
import { openCookieSession } from '../cookie-session.ts'
import type { Identity } from '../identity.ts'
import { signIn } from '../login.ts'
import { may } from '../matrix.ts'
import { endSession } from '../session.ts'
import { issueTicket } from '../stream-ticket.ts'
import { personSchema, personView } from '../view.ts'
import { loginBody, loginOf, loginRefusals, signedIn } from './input.ts'

const beginRoute = (identity: Identity, page_origins: () => readonly string[]): Route =>
  defineRoute({
    method: 'POST',
    path: '/api/auth/session',
    operation_id: 'beginSession',
    summary: 'Sign in as a browser: the session is a cookie that no script can read',
    tags: ['sign-in'],
    access: may('auth.sign_in'),
    lane: 'sign_in',
    body: loginBody,
    response: {
      200: z.object({
        user: personSchema,
        expires_in: z.int().describe('seconds that the session lasts at most'),
        idle_s: z.int().describe('seconds without use after which it is worth nothing'),
      }),
    },
    refusals: [...loginRefusals, 'CROSS_SITE'],
    handle: async ({ ctx, body, request }) => {
      refuseOtherSites(request, page_origins())
      const { limits } = identity
      const { person, opened } = await signIn(ctx.db, identity, loginOf(ctx, body, request), (tx, as) =>
        openCookieSession(tx, identity, as),
      )
      const expires_in = limits.cookie_session_s
      const cookie = sessionCookie(request, ctx.config, { value: opened, age_s: expires_in })
      return {
        status: 200,
        body: { user: personView(person), expires_in, idle_s: limits.cookie_idle_s },
        headers: { 'set-cookie': cookie },
      }
    },
  })

const endRoute = defineRoute({
  method: 'DELETE',
  path: '/api/auth/session',
  operation_id: 'endSession',
  summary: 'End this session, and take its cookie away',
  tags: ['sign-in'],
  access: may('session.manage'),
  response: { 200: z.object({ status: z.literal('done') }) },
  refusals: [],
  handle: async ({ ctx, actor, request }) => {
    const { session_id: id, person_id } = signedIn(actor)
    await ctx.db.tx((tx) => endSession(tx, { id, person_id }, 'LOGOUT'))
    const cookie = sessionCookie(request, ctx.config, { value: '', age_s: 0 })
    return { status: 200, body: { status: 'done' }, headers: { 'set-cookie': cookie } }
  },
})

const ticketRoute = (identity: Identity): Route =>
  defineRoute({
    method: 'POST',
    path: '/api/auth/stream-ticket',
    operation_id: 'getStreamTicket',
    summary: 'A ticket that opens one event stream, once, within a minute: …/stream?ticket=',
    tags: ['sign-in'],
    access: may('session.ticket'),
    response: { 200: z.object({ ticket: z.string(), expires_in: z.int().describe('seconds') }) },
    refusals: ['ORGANIZATION_NOT_FOUND'],
    handle: async ({ ctx, actor, request }) => {
      const { person_id, session_id } = signedIn(actor)
      const named = request.headers['cauri-organization']
      const organization = typeof named === 'string' ? named : undefined
      const ticket = await ctx.db.tx((tx) =>
        issueTicket(tx, identity, { person_id, session_id, organization }),
      )
      return { status: 200, body: { ticket, expires_in: identity.limits.ticket_s } }
    },
  })

/** What a browser needs: a cookie instead of tokens, and tickets for its event streams. */
export const sessionRoutes = (
  identity: Identity,
  page_origins: () => readonly string[],
): readonly Route[] => [beginRoute(identity, page_origins), endRoute, ticketRoute(identity)]
