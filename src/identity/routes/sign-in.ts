import { z } from 'zod'
import { defineRoute, type Route } from '../../platform/http/route.ts'
import type { Identity } from '../identity.ts'
import { may } from '../matrix.ts'
import { login } from '../login.ts'
import { newPasswordSchema } from '../password/choose.ts'
import { openRoles } from '../person.ts'
import { register } from '../register.ts'
import { refreshSession } from '../session.ts'
import { jwksOf } from '../token/keys.ts'
import { personSchema, tokensShape } from '../view.ts'
import {
  deviceOf,
  email,
  language,
  line,
  loginBody,
  loginOf,
  loginRefusals,
  phone,
  signedInView,
  tokensView,
} from './input.ts'

const signedInSchema = z.object({ user: personSchema, ...tokensShape })
const common = { tags: ['sign-in'], access: may('auth.sign_in') } as const

const registerRoute = (identity: Identity): Route =>
  defineRoute({
    ...common,
    method: 'POST',
    path: '/api/auth/register',
    operation_id: 'register',
    summary:
      'Make an account as a buyer or a seller; a code goes to the phone. Five an hour from one address',
    lane: 'sign_in',
    body: z.strictObject({
      phone_number: phone,
      email: email.optional(),
      first_name: line(100),
      last_name: line(100),
      password: newPasswordSchema,
      password_confirmation: z.string().max(256),
      role: z.enum(openRoles),
      preferred_language: language.optional(),
    }),
    response: { 201: signedInSchema },
    refusals: [
      'PHONE_INVALID',
      'PHONE_TAKEN',
      'EMAIL_TAKEN',
      'PASSWORD_TOO_COMMON',
      'PASSWORD_CONFIRMATION_DIFFERS',
    ],
    handle: async ({ ctx, body, language: asked, request }) => {
      const registration = { ...body, preferred_language: body.preferred_language ?? asked }
      const device = deviceOf(ctx, request)
      const signed = await register(ctx.db, identity, { registration, device })
      return { status: 201, body: signedInView(identity, signed) }
    },
  })

const loginRoute = (identity: Identity): Route =>
  defineRoute({
    ...common,
    method: 'POST',
    path: '/api/auth/login',
    operation_id: 'login',
    summary: 'Sign in by phone_number or email (one of them) and password',
    lane: 'sign_in',
    body: loginBody,
    response: { 200: signedInSchema },
    refusals: loginRefusals,
    handle: async ({ ctx, body, request }) => {
      const tried = loginOf(ctx, body, request)
      return { status: 200, body: signedInView(identity, await login(ctx.db, identity, tried)) }
    },
  })

const refreshRoute = (identity: Identity): Route =>
  defineRoute({
    ...common,
    method: 'POST',
    path: '/api/auth/token/refresh',
    operation_id: 'refreshToken',
    summary: 'Spend a refresh token for the next pair; a second use of a spent one ends the session',
    lane: 'control',
    body: z.strictObject({ refresh: z.string().min(1).max(200) }),
    response: { 200: z.object(tokensShape) },
    refusals: ['AUTHENTICATION_REQUIRED'],
    handle: async ({ ctx, body }) => ({
      status: 200,
      body: tokensView(identity, await refreshSession(ctx.db, identity, body.refresh)),
    }),
  })

const jwk = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
  kid: z.string(),
  alg: z.literal('EdDSA'),
  use: z.literal('sig'),
})

const jwksRoute = (path: string): Route =>
  defineRoute({
    ...common,
    access: may('auth.keys'),
    method: 'GET',
    path,
    summary: 'The public keys of access tokens (RFC 7517)',
    lane: 'read',
    response: { 200: z.object({ keys: z.array(jwk) }) },
    refusals: [],
    handle: async ({ ctx }) => ({ status: 200, body: await jwksOf(ctx.db) }),
  })

/** What anybody may ask: to register, to sign in, to go on, and our public keys. */
export const signInRoutes = (identity: Identity): readonly Route[] => [
  registerRoute(identity),
  loginRoute(identity),
  refreshRoute(identity),
  jwksRoute('/.well-known/jwks.json'),
  jwksRoute('/api/auth/jwks'),
]
