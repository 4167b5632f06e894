import { z } from 'zod'
import { defineRoute, type Route } from '../../platform/http/route.ts'
import type { Identity } from '../identity.ts'
import { may, memberRoles } from '../matrix.ts'
import { acceptInvitation, invite, revokeInvitation } from '../organization/invitations.ts'
import { rolesSchema } from '../organization/members.ts'
import { listInvitations, type InvitationRow } from '../sql/invitations.ts'
import { email, identifierOf, language, phone, saysWho, signedIn } from './input.ts'
import { phoneHint } from './members.ts'
import { memberOf, organizationParams, organizations } from './organizations.ts'

const roles = z.array(z.enum(memberRoles))
const invitationSchema = z
  .object({
    id: z.string(),
    to: z.string().describe('the last digits of the number, or the mailbox with its name cut'),
    roles,
    state: z.enum(['OPEN', 'ACCEPTED', 'REVOKED', 'EXPIRED']),
    invited_by: z.string(),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
  })
  .meta({ id: 'Invitation' })

const mailHint = (address: string): string => address.replace(/^(.).*(?=@)/, '$1…')

const invitationView = (row: InvitationRow): z.output<typeof invitationSchema> => ({
  id: row.id,
  to: row.phone_number === null ? mailHint(row.email ?? '') : phoneHint(row.phone_number),
  roles: [...row.roles],
  state: row.state,
  invited_by: row.invited_by,
  created_at: row.created_at.toISOString(),
  expires_at: row.expires_at.toISOString(),
})

const inviteRoute = (identity: Identity): Route =>
  defineRoute({
    ...organizations,
    access: may('members.manage'),
    method: 'POST',
    path: '/api/organizations/:id/invitations',
    operation_id: 'inviteMember',
    summary: 'Invite somebody by SMS or by mail; seven days, once',
    params: organizationParams,
    body: z
      .strictObject({
        phone_number: phone.optional(),
        email: email.optional(),
        roles: rolesSchema,
        language: language.optional(),
      })
      .refine(saysWho, { message: 'phone_number or email' }),
    response: { 201: invitationSchema },
    refusals: ['PHONE_INVALID'],
    handle: async ({ ctx, actor, params, body, language: asked }) => {
      const by = memberOf(actor, params)
      const wanted = { to: identifierOf(body), roles: body.roles, language: body.language ?? asked }
      const row = await ctx.db.tx((tx) => invite(tx, identity, by, wanted))
      return { status: 201, body: invitationView(row) }
    },
  })

const listRoute = defineRoute({
  ...organizations,
  access: may('organization.read'),
  method: 'GET',
  path: '/api/organizations/:id/invitations',
  operation_id: 'listInvitations',
  summary: 'Invitations and what became of them, newest first',
  params: organizationParams,
  response: { 200: z.object({ invitations: z.array(invitationSchema) }) },
  refusals: [],
  handle: async ({ ctx, actor, params }) => {
    const rows = await listInvitations(ctx.db, memberOf(actor, params).organization_id)
    return { status: 200, body: { invitations: rows.map(invitationView) } }
  },
})

const revokeRoute = defineRoute({
  ...organizations,
  access: may('members.manage'),
  method: 'DELETE',
  path: '/api/organizations/:id/invitations/:invitation_id',
  operation_id: 'revokeInvitation',
  summary: 'Take an invitation back',
  params: organizationParams.extend({ invitation_id: z.string().max(40) }),
  response: { 200: invitationSchema },
  refusals: ['INVITATION_NOT_FOUND'],
  handle: async ({ ctx, actor, params }) => {
    const by = memberOf(actor, params)
    const row = await ctx.db.tx((tx) => revokeInvitation(tx, by, params.invitation_id))
    return { status: 200, body: invitationView(row) }
  },
})

const acceptRoute = (identity: Identity): Route =>
  defineRoute({
    ...organizations,
    access: may('invitation.accept'),
    method: 'POST',
    path: '/api/auth/invitations/accept',
    operation_id: 'acceptInvitation',
    summary: 'Join the organisation that a token invites to, with the phone or e-mail that it went to',
    body: z.strictObject({ token: z.string().min(1).max(100) }),
    response: {
      200: z.object({
        organization: z.object({ id: z.int(), name: z.string() }),
        roles,
        awaiting_confirmation: roles.describe('held when another member has confirmed them'),
      }),
    },
    refusals: ['INVITATION_INVALID'],
    handle: async ({ ctx, actor, body }) => {
      const { person_id } = signedIn(actor)
      // Who holds the token is let in to what is not his yet.
      const joined = await acceptInvitation(ctx.db.forAll(), identity, { person_id, token: body.token })
      const organization = { id: Number(joined.organization_id), name: joined.organization }
      const view = { roles: [...joined.roles], awaiting_confirmation: [...joined.awaiting] }
      return { status: 200, body: { organization, ...view } }
    },
  })

/** How somebody becomes a member. */
export const invitationRoutes = (identity: Identity): readonly Route[] => [
  inviteRoute(identity),
  listRoute,
  revokeRoute,
  acceptRoute(identity),
]
