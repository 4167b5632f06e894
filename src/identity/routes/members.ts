import { z } from 'zod'
import { Refusal } from '../../platform/errors.ts'
import { defineRoute, type Route } from '../../platform/http/route.ts'
import { may, memberRoles } from '../matrix.ts'
import { applyRoles, needsTwo, removeMember, rolesNow, rolesSchema } from '../organization/members.ts'
import { propose } from '../organization/proposals.ts'
import { listMembers, type MemberRow } from '../sql/members.ts'
import { assertStillMay } from '../still-may.ts'
import { memberOf, organizationParams, organizations } from './organizations.ts'
import { proposalSchema, proposalView } from './proposal-view.ts'

const memberParams = organizationParams.extend({ person_id: z.string().regex(/^\d{1,15}$/) })
const memberSchema = z
  .object({
    person_id: z.int(),
    full_name: z.string(),
    phone_hint: z.string().describe('the last digits of the number'),
    roles: z.array(z.enum(memberRoles)),
    is_active: z.boolean(),
    since: z.iso.datetime(),
  })
  .meta({ id: 'Member' })

/** Enough to know whose it is for who knows him, and no number for who does not. */
export const phoneHint = (number: string): string => `…${number.slice(-4)}`

const memberView = (row: MemberRow): z.output<typeof memberSchema> => ({
  person_id: Number(row.person_id),
  full_name: `${row.first_name} ${row.last_name}`,
  phone_hint: phoneHint(row.phone_number),
  roles: [...row.roles],
  is_active: row.is_active,
  since: row.created_at.toISOString(),
})

const members = z.object({ members: z.array(memberSchema) })

const listRoute = defineRoute({
  ...organizations,
  access: may('organization.read'),
  method: 'GET',
  path: '/api/organizations/:id/members',
  operation_id: 'listMembers',
  summary: 'Members and their roles',
  params: organizationParams,
  response: { 200: members },
  refusals: [],
  handle: async ({ ctx, actor, params }) => {
    const rows = await listMembers(ctx.db, memberOf(actor, params).organization_id)
    return { status: 200, body: { members: rows.map(memberView) } }
  },
})

const rolesRoute = defineRoute({
  ...organizations,
  access: may('members.manage'),
  method: 'PATCH',
  path: '/api/organizations/:id/members/:person_id',
  operation_id: 'changeMemberRoles',
  summary: 'Change somebody’s roles; those that approve or fund change when another member has confirmed it',
  params: memberParams,
  body: z.strictObject({ roles: rolesSchema }),
  response: { 200: members, 202: proposalSchema },
  refusals: ['MEMBER_NOT_FOUND', 'MEMBER_HIMSELF', 'LAST_TREASURER', 'PROPOSAL_OUTDATED'],
  handle: async ({ ctx, actor, params, body }) => {
    const by = memberOf(actor, params)
    const { organization_id } = by
    const who = { organization_id, person_id: BigInt(params.person_id) }
    if (who.person_id === by.person_id) throw new Refusal('MEMBER_HIMSELF')
    return ctx.db.tx(async (tx) => {
      const before = await rolesNow(tx, who)
      // All members are locked now: who was taken out a moment ago changes nobody any more.
      await assertStillMay(tx, by, 'members.manage')
      if (before === null) throw new Refusal('MEMBER_NOT_FOUND')
      const change = { before: [...before], after: body.roles }
      if (needsTwo(change)) {
        const wanted = { organization_id, kind: 'MEMBER_ROLES', change } as const
        const proposal = await propose(tx, by, { ...wanted, subject_person_id: who.person_id })
        return { status: 202, body: proposalView(proposal) } as const
      }
      await applyRoles(tx, by.name, who, change)
      const rows = await listMembers(tx, organization_id)
      return { status: 200, body: { members: rows.map(memberView) } } as const
    })
  },
})

const removeRoute = defineRoute({
  ...organizations,
  access: may('members.manage'),
  method: 'DELETE',
  path: '/api/organizations/:id/members/:person_id',
  operation_id: 'removeMember',
  summary: 'Take a member out: at his next request he is none any more',
  params: memberParams,
  response: { 200: members },
  refusals: ['MEMBER_NOT_FOUND', 'MEMBER_HIMSELF', 'LAST_TREASURER'],
  handle: async ({ ctx, actor, params }) => {
    const { organization_id, name, person_id: own } = memberOf(actor, params)
    const person_id = BigInt(params.person_id)
    if (person_id === own) throw new Refusal('MEMBER_HIMSELF')
    const rows = await ctx.db.tx(async (tx) => {
      await removeMember(tx, name, { organization_id, person_id })
      // All members are locked now: who was taken out a moment ago takes nobody out any more.
      await assertStillMay(tx, { organization_id, person_id: own }, 'members.manage')
      return listMembers(tx, organization_id)
    })
    return { status: 200, body: { members: rows.map(memberView) } }
  },
})

/** Who acts for an organisation, and as what. */
export const memberRoutes: readonly Route[] = [listRoute, rolesRoute, removeRoute]
