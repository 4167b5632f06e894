import { z } from 'zod'
import { proposalKinds, proposalStates, type ProposalRow } from '../sql/proposals.ts'

export const proposalSchema = z
  .object({
    id: z.string(),
    organization_id: z.int(),
    kind: z.enum(proposalKinds).describe('SETTINGS: of the organisation; MEMBER_ROLES: somebody’s roles'),
    person_id: z.int().nullable().describe('whose roles'),
    change: z.record(z.string(), z.unknown()).describe('before and after'),
    state: z.enum(proposalStates),
    proposed_by: z.string(),
    created_at: z.iso.datetime(),
    decided_by: z.string().nullable(),
    decided_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Proposal' })

export const proposalView = (row: ProposalRow): z.output<typeof proposalSchema> => ({
  id: row.id,
  organization_id: Number(row.organization_id),
  kind: row.kind,
  person_id: row.subject_person_id === null ? null : Number(row.subject_person_id),
  change: row.payload as Record<string, unknown>,
  state: row.state,
  proposed_by: row.proposed_by,
  created_at: row.created_at.toISOString(),
  decided_by: row.decided_by,
  decided_at: row.decided_at?.toISOString() ?? null,
})
