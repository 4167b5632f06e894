import { z } from 'zod'
import { defineRoute, type Route } from '../../platform/http/route.ts'
import type { Identity } from '../identity.ts'
import { may } from '../matrix.ts'
import { newsChannels } from '../news.ts'
import { changeProfile, readProfile, type WholeProfile } from '../profile.ts'
import { membershipSchema, membershipView, personSchema, personView } from '../view.ts'
import { email, language, line, signedIn } from './input.ts'

const common = { tags: ['people'], path: '/api/auth/profile' } as const

/** A kind that nobody sends is none; where nobody sends anything there is no choice. */
const choiceOf = ({ news }: Identity) =>
  z.strictObject({
    kind: z
      .string()
      .refine((kind) => news.kinds.includes(kind))
      .meta({ enum: [...news.kinds] }),
    channel: z.enum(newsChannels),
    is_wanted: z.boolean(),
  })

const profileSchema = (identity: Identity) =>
  personSchema
    .extend({
      has_second_factor: z.boolean(),
      permissions: z.array(z.string()).describe('what his own roles allow, by the actions of the matrix'),
      memberships: z.array(membershipSchema),
      notifications: z
        .array(choiceOf(identity))
        .describe('security messages are not there: they always come'),
      counts: z.object({
        unread_notifications: z.int(),
        sessions: z.int().describe('where he is signed in'),
      }),
    })
    .meta({ id: 'Profile' })
type ProfileView = z.output<ReturnType<typeof profileSchema>>

function profileView(whole: WholeProfile): ProfileView {
  const { person, memberships, notifications, ...more } = whole
  return {
    ...personView(person),
    ...more,
    permissions: [...more.permissions],
    memberships: memberships.map(membershipView),
    notifications: notifications.map((choice) => ({ ...choice })),
  }
}

const readRoute = (identity: Identity): Route =>
  defineRoute({
    ...common,
    access: may('profile.read'),
    method: 'GET',
    operation_id: 'getProfile',
    summary: 'Who is signed in, where he is a member, and what he may do',
    response: { 200: profileSchema(identity) },
    refusals: [],
    handle: async ({ ctx, actor }) => {
      const whole = await readProfile(ctx.db, identity, signedIn(actor).person_id)
      return { status: 200, body: profileView(whole) }
    },
  })

const changeRoute = (identity: Identity): Route =>
  defineRoute({
    ...common,
    access: may('profile.write'),
    method: 'PATCH',
    operation_id: 'changeProfile',
    summary: 'Change what is given; null empties a field that may be empty',
    body: z.strictObject({
      first_name: line(100).optional(),
      last_name: line(100).optional(),
      email: email.nullable().optional(),
      preferred_language: language.optional(),
      date_of_birth: z.iso.date().nullable().optional(),
      address_street: line(200).nullable().optional(),
      address_city: line(100).nullable().optional(),
      address_region: line(100).nullable().optional(),
      address_postal_code: line(20).nullable().optional(),
      address_country: z
        .string()
        .regex(/^[A-Z]{2}$/)
        .nullable()
        .optional()
        .describe('ISO 3166-1, two letters'),
      notifications: z.array(choiceOf(identity)).max(50).optional().describe('what is not named stays'),
    }),
    response: { 200: profileSchema(identity) },
    refusals: ['EMAIL_TAKEN', 'DATE_OF_BIRTH_INVALID'],
    handle: async ({ ctx, actor, body }) => {
      const { person_id } = signedIn(actor)
      const { notifications: choices = [], ...change } = body
      await changeProfile(ctx.db, identity, { person_id, change, choices })
      return { status: 200, body: profileView(await readProfile(ctx.db, identity, person_id)) }
    },
  })

/** Somebody's own profile. */
export const profileRoutes = (identity: Identity): readonly Route[] => [
  readRoute(identity),
  changeRoute(identity),
]
