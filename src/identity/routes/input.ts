import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Actor, Ctx } from '../../platform/context.ts'
import { Refusal } from '../../platform/errors.ts'
import { callerAddress } from '../../platform/http/caller-address.ts'
import type { Identifier, Identity } from '../identity.ts'
import type { LoginTried } from '../login.ts'
import { anyPasswordSchema } from '../password/choose.ts'
import type { SignedIn } from '../register.ts'
import type { Tokens } from '../session.ts'
import type { Device } from '../sql/sessions.ts'
import { personView } from '../view.ts'

/** Control characters would spoil a message, a page or a log; a name has none. */
const printable = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u
export const line = (most: number): z.ZodString => z.string().trim().min(1).max(most).regex(printable)

/** Checked for its number plan when it is used; here only that it is short. */
export const phone = z.string().min(6).max(32)
export const email = z.email().max(254)
export const sixDigits = z.string().regex(/^\d{6}$/)
/** A code of an app, or a recovery code. */
export const otp = z.string().regex(/^(\d{6}|[a-zA-Z2-7]{4}-[a-zA-Z2-7]{4}-[a-zA-Z2-7]{4})$/)
export const language = z.enum(['fr', 'en'])

type Written = { readonly phone_number?: string | undefined; readonly email?: string | undefined }

/** Exactly one of the two says who it is. */
export const saysWho = ({ phone_number, email: mail }: Written): boolean =>
  (phone_number === undefined) !== (mail === undefined)

export function identifierOf({ phone_number, email: mail }: Written): Identifier {
  if (phone_number !== undefined) return { phone_number }
  if (mail !== undefined) return { email: mail }
  throw new Error('the schema lets exactly one of phone_number and email through')
}

/** What somebody signs in with. */
export const loginBody = z
  .strictObject({
    phone_number: phone.optional(),
    email: email.optional(),
    password: anyPasswordSchema,
    otp: otp.optional(),
  })
  .refine(saysWho)

export const loginRefusals = [
  'PHONE_INVALID',
  'CREDENTIALS_INVALID',
  'OTP_REQUIRED',
  'SECOND_FACTOR_INVALID',
] as const

export const loginOf = (ctx: Ctx, body: z.output<typeof loginBody>, request: FastifyRequest): LoginTried => ({
  account: identifierOf(body),
  password: body.password,
  otp: body.otp,
  device: deviceOf(ctx, request),
})

export const deviceOf = ({ config }: Ctx, request: FastifyRequest): Device => ({
  address: callerAddress(request, config.TRUSTED_PROXIES),
  user_agent: request.headers['user-agent'],
})

export function signedIn(actor: Actor): Extract<Actor, { kind: 'person' }> {
  if (actor.kind !== 'person') throw new Refusal('AUTHENTICATION_REQUIRED')
  return actor
}

/** A member who acts for his organisation in person. */
export function actingMember(
  actor: Actor,
): Extract<Actor, { kind: 'organization' }> & { readonly person_id: bigint } {
  if (actor.kind !== 'organization' || actor.person_id === undefined)
    throw new Refusal('AUTHENTICATION_REQUIRED')
  return { ...actor, person_id: actor.person_id }
}

type TokensView = Tokens & { readonly expires_in: number }

export const tokensView = ({ limits }: Identity, tokens: Tokens): TokensView => ({
  ...tokens,
  expires_in: limits.access_s,
})

export const signedInView = (
  identity: Identity,
  { person, tokens }: SignedIn,
): TokensView & { readonly user: ReturnType<typeof personView> } => ({
  user: personView(person),
  ...tokensView(identity, tokens),
})
