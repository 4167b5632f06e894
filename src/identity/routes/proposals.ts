import { z } from 'zod'
import { defineRoute, type Route } from '../../platform/http/route.ts'
import { may } from '../matrix.ts'
import { decide } from '../organization/proposals.ts'
import { listProposals, proposalStates } from '../sql/proposals.ts'
import { adminOf, memberOf, organizationParams, organizations } from './organizations.ts'
import { proposalSchema, proposalView } from './proposal-view.ts'

const list = { 200: z.object({ proposals: z.array(proposalSchema) }) } as const
const query = z.object({ state: z.enum(proposalStates).optional() })
const refusals = [
  'PROPOSAL_NOT_FOUND',
  'PROPOSAL_DECIDED',
  'PROPOSAL_OUTDATED',
  'ANOTHER_PERSON_REQUIRED',
  'LAST_TREASURER',
] as const
const verbs = { confirm: 'CONFIRMED', reject: 'REJECTED' } as const
type Verb = keyof typeof verbs
const proposalParams = organizationParams.extend({ proposal_id: z.string().max(40) })

const listRoute = defineRoute({
  ...organizations,
  access: may('organization.read'),
  method: 'GET',
  path: '/api/organizations/:id/proposals',
  operation_id: 'listProposals',
  summary: 'What members proposed that another one decides, newest first',
  params: organizationParams,
  query,
  response: list,
  refusals: [],
  handle: async ({ ctx, actor, params, query: asked }) => {
    const { organization_id } = memberOf(actor, params)
    const rows = await listProposals(ctx.db, organization_id, asked.state ?? null)
    return { status: 200, body: { proposals: rows.map(proposalView) } }
  },
})

const decideRoute = (verb: Verb): Route =>
  defineRoute({
    ...organizations,
    access: may('members.confirm'),
    method: 'POST',
    path: `/api/organizations/:id/proposals/:proposal_id/${verb}`,
    operation_id: `${verb}Proposal`,
    summary: verb === 'confirm' ? 'Confirm what another member proposed: it holds now' : 'Reject it',
    params: proposalParams,
    response: { 200: proposalSchema },
    refusals,
    handle: async ({ ctx, actor, params }) => {
      const { organization_id, name, person_id } = memberOf(actor, params)
      const which = { id: params.proposal_id, organization_id, decision: verbs[verb] }
      const row = await ctx.db.tx((tx) => decide(tx, { name, person_id, as: 'member' }, which))
      return { status: 200, body: proposalView(row) }
    },
  })

const listForAdmin = defineRoute({
  ...organizations,
  access: may('organizations.manage'),
  method: 'GET',
  path: '/api/core/proposals',
  operation_id: 'listAllProposals',
  summary: 'What was proposed in any organisation, newest first',
  query,
  response: list,
  refusals: [],
  handle: async ({ ctx, query: asked }) => {
    const rows = await listProposals(ctx.db, null, asked.state ?? null)
    return { status: 200, body: { proposals: rows.map(proposalView) } }
  },
})

/** Where an organisation has nobody else who could. */
const decideAsAdmin = (verb: Verb): Route =>
  defineRoute({
    ...organizations,
    access: may('organizations.manage'),
    method: 'POST',
    path: `/api/core/proposals/:proposal_id/${verb}`,
    operation_id: `${verb}ProposalAsAdministrator`,
    summary: `${verb === 'confirm' ? 'Confirm' : 'Reject'} what a member, or another administrator, proposed`,
    params: z.object({ proposal_id: z.string().max(40) }),
    response: { 200: proposalSchema },
    refusals,
    handle: async ({ ctx, actor, params }) => {
      const which = { id: params.proposal_id, organization_id: null, decision: verbs[verb] }
      const row = await ctx.db.tx((tx) => decide(tx, adminOf(actor), which))
      return { status: 200, body: proposalView(row) }
    },
  })

/** Decisions of two people. */
export const proposalRoutes: readonly Route[] = [
  listRoute,
  decideRoute('confirm'),
  decideRoute('reject'),
  listForAdmin,
  decideAsAdmin('confirm'),
  decideAsAdmin('reject'),
]
