import { z } from 'zod'
import type { Actor } from '../../platform/context.ts'
import type { Reader } from '../../platform/db.ts'
import { Refusal } from '../../platform/errors.ts'
import { defineRoute, type Route } from '../../platform/http/route.ts'
import { may } from '../matrix.ts'
import { findOrganization, listOrganizations, type Organization } from '../organization.ts'
import { createOrganization, giveMembers, type NewMember } from '../organization/first-members.ts'
import { rolesSchema } from '../organization/members.ts'
import { propose, type Decider } from '../organization/proposals.ts'
import {
  amountOver,
  approvalOverOf,
  approvalOverSchema,
  readApprovalOver,
  sameLimits,
} from '../organization/settings.ts'
import { personName } from '../person.ts'
import { actingMember, line, phone, signedIn } from './input.ts'
import { proposalSchema, proposalView } from './proposal-view.ts'

export const organizations = { tags: ['organisations'] } as const
export const organizationParams = z.object({ id: z.string().regex(/^\d{1,15}$/) })

const organizationSchema = z
  .object({
    id: z.int(),
    name: z.string(),
    approval_over: approvalOverSchema.describe(
      'above which sum a batch needs another person, by currency; null: never',
    ),
  })
  .meta({ id: 'Organization' })

async function organizationView(
  db: Reader,
  { id, name }: Organization,
): Promise<z.output<typeof organizationSchema>> {
  return { id: Number(id), name, approval_over: await approvalOverOf(db, id) }
}

/** The member who acts for the organisation of the path; any other organisation does not exist for him. */
export function memberOf(actor: Actor, params: { readonly id: string }): ReturnType<typeof actingMember> {
  const member = actingMember(actor)
  if (String(member.organization_id) !== params.id) throw new Refusal('ORGANIZATION_NOT_FOUND')
  return member
}

export function adminOf(actor: Actor): Decider {
  const { person_id } = signedIn(actor)
  return { name: personName(person_id), person_id, as: 'admin' }
}

const newMember = z
  .strictObject({
    person_id: z.int().min(1).optional(),
    phone_number: phone.optional(),
    roles: rolesSchema,
  })
  .refine(({ person_id, phone_number }) => (person_id === undefined) !== (phone_number === undefined), {
    message: 'person_id or phone_number',
  })

const newMemberOf = ({ person_id, phone_number, roles }: z.output<typeof newMember>): NewMember => ({
  who: person_id === undefined ? { phone_number: phone_number ?? '' } : { person_id: BigInt(person_id) },
  roles,
})

const listRoute = defineRoute({
  ...organizations,
  access: may('organizations.list'),
  method: 'GET',
  path: '/api/organizations',
  operation_id: 'listOrganizations',
  summary: 'The caller’s organisations; for an administrator all',
  response: { 200: z.object({ organizations: z.array(organizationSchema) }) },
  refusals: [],
  handle: async ({ ctx, actor }) => {
    const { person_id, roles } = signedIn(actor)
    const db = ctx.db.forAll() // their limits are no rows of his own, and an administrator lists all
    const found = await listOrganizations(db, roles.includes('ADMIN') ? null : person_id)
    const views = []
    for (const one of found) views.push(await organizationView(db, one))
    return { status: 200, body: { organizations: views } }
  },
})

const createRoute = defineRoute({
  ...organizations,
  access: may('organizations.manage'),
  method: 'POST',
  path: '/api/organizations',
  operation_id: 'createOrganization',
  summary: 'Make an organisation, with its first members',
  body: z.strictObject({ name: line(200), members: z.array(newMember).max(50).default([]) }),
  response: { 201: organizationSchema },
  refusals: ['ORGANIZATION_EXISTS', 'PERSON_NOT_FOUND', 'PHONE_INVALID'],
  handle: async ({ ctx, actor, body }) => {
    const wanted = { name: body.name, members: body.members.map(newMemberOf) }
    const view = await ctx.db.tx(async (tx) =>
      organizationView(tx, await createOrganization(tx, adminOf(actor).name, wanted)),
    )
    return { status: 201, body: view }
  },
})

const giveRoute = defineRoute({
  ...organizations,
  access: may('organizations.manage'),
  method: 'POST',
  path: '/api/organizations/:id/members',
  operation_id: 'giveMembers',
  summary: 'Give an organisation its first members; where it has some, propose them to it',
  params: organizationParams,
  body: z.strictObject({ members: z.array(newMember).min(1).max(50) }),
  response: {
    200: z.object({ proposals: z.array(proposalSchema) }),
    202: z.object({ proposals: z.array(proposalSchema) }),
  },
  refusals: ['ORGANIZATION_NOT_FOUND', 'PERSON_NOT_FOUND', 'PHONE_INVALID'],
  handle: async ({ ctx, actor, params, body }) => {
    const wanted = { organization_id: BigInt(params.id), members: body.members.map(newMemberOf) }
    const proposals = await ctx.db.tx((tx) => giveMembers(tx, adminOf(actor), wanted))
    const status = proposals.length === 0 ? 200 : 202
    return { status, body: { proposals: proposals.map(proposalView) } }
  },
})

const readRoute = defineRoute({
  ...organizations,
  access: may('organization.read'),
  method: 'GET',
  path: '/api/organizations/:id',
  operation_id: 'getOrganization',
  summary: 'The organisation that the caller acts for, and its settings',
  params: organizationParams,
  response: { 200: organizationSchema },
  refusals: [],
  handle: async ({ ctx, actor, params }) => {
    const found = await findOrganization(ctx.db, memberOf(actor, params).organization_id)
    if (found === undefined) throw new Refusal('ORGANIZATION_NOT_FOUND')
    return { status: 200, body: await organizationView(ctx.db, found) }
  },
})

const settingsRoute = defineRoute({
  ...organizations,
  access: may('organization.settings'),
  method: 'PATCH',
  path: '/api/organizations/:id',
  operation_id: 'proposeSettings',
  summary: 'Propose settings; they hold when another member has confirmed them',
  params: organizationParams,
  body: z.strictObject({
    approval_over: z
      .union([amountOver, approvalOverSchema])
      .describe('one amount for every currency, or one by currency; null switches it off'),
  }),
  response: { 200: organizationSchema, 202: proposalSchema },
  refusals: [],
  handle: async ({ ctx, actor, params, body }) => {
    const { organization_id, ...by } = memberOf(actor, params)
    const after = readApprovalOver(body.approval_over)
    return ctx.db.tx(async (tx) => {
      const before = await approvalOverOf(tx, organization_id)
      if (sameLimits(before, after)) {
        const found = await findOrganization(tx, organization_id)
        if (found === undefined) throw new Refusal('ORGANIZATION_NOT_FOUND')
        return { status: 200, body: await organizationView(tx, found) } as const
      }
      const change = { before, after }
      const wanted = { organization_id, kind: 'SETTINGS', change, subject_person_id: null } as const
      return { status: 202, body: proposalView(await propose(tx, by, wanted)) } as const
    })
  },
})

/** Organisations and their settings. */
export const organizationRoutes: readonly Route[] = [
  listRoute,
  createRoute,
  giveRoute,
  readRoute,
  settingsRoute,
]
