import type { z } from 'zod'
import { record } from '../../audit/index.ts'
import type { Tx } from '../../platform/db.ts'
import { Refusal, unreachable } from '../../platform/errors.ts'
import { newId } from '../../platform/ids.ts'
import { findPerson } from '../sql/people.ts'
import { lockMembers, lockRoles } from '../sql/members.ts'
import * as q from '../sql/proposals.ts'
import { assertStillMay } from '../still-may.ts'
import { applyRoles, rolesChange } from './members.ts'
import { applySettings, settingsChange } from './settings.ts'

/**
 * What one person alone may not change: the limit above which batches need approval, and who approves and funds. One proposes,
 * another confirms, and only then it holds. Each change names what it found, so that what was proposed on another state of
 * things is not applied to this one.
 */

/** Somebody who proposes or decides, in person: a member, or who runs the installation. */
export type Decider = {
  readonly name: string
  readonly person_id: bigint
  /** Whether he acts by his role in the organisation, or for the whole installation. */
  readonly as: 'member' | 'admin'
}

const changes = { SETTINGS: settingsChange, MEMBER_ROLES: rolesChange } as const
type Changes = { readonly [K in q.ProposalKind]: z.output<(typeof changes)[K]> }

/** Writes a proposal down. Nothing changes by it. */
export async function propose<K extends q.ProposalKind>(
  tx: Tx,
  by: Pick<Decider, 'name' | 'person_id'>,
  wanted: {
    readonly organization_id: bigint
    readonly kind: K
    readonly change: Changes[K]
    readonly subject_person_id: bigint | null
  },
): Promise<q.ProposalRow> {
  const { organization_id, kind, change, subject_person_id } = wanted
  const proposal = await q.insertProposal(tx, {
    id: newId('prp-'),
    organization_id,
    kind,
    payload: change,
    subject_person_id,
    proposed_by: by.name,
    proposed_person_id: by.person_id,
  })
  const { before, after } = change
  const detail = {
    kind,
    ...(subject_person_id === null ? {} : { person: `person:${subject_person_id}` }),
  }
  await record(tx, {
    actor: by.name,
    action: 'proposal.made',
    subject: proposal.id,
    organization_id,
    detail,
    before: { was: before },
    after: { becomes: after },
  })
  return proposal
}

/**
 * Decides on a proposal; a confirmed one takes effect in this transaction. Refuses PROPOSAL_NOT_FOUND, NOT_ALLOWED for who may
 * not (any more), ANOTHER_PERSON_REQUIRED for who proposed it or whom it concerns, PROPOSAL_DECIDED, and PROPOSAL_OUTDATED
 * when things have changed since or who proposed it may not any more; LAST_TREASURER.
 */
export async function decide(
  tx: Tx,
  by: Decider,
  which: {
    readonly id: string
    readonly organization_id: bigint | null
    readonly decision: 'CONFIRMED' | 'REJECTED'
  },
): Promise<q.ProposalRow> {
  const proposal = await q.lockProposal(tx, which.organization_id, which.id)
  if (proposal === undefined) throw new Refusal('PROPOSAL_NOT_FOUND')
  const { organization_id, proposed_person_id, subject_person_id } = proposal
  if (proposal.state !== 'PROPOSED')
    throw new Refusal('PROPOSAL_DECIDED', { members: { state: proposal.state } })
  const confirms = which.decision === 'CONFIRMED'
  if (proposed_person_id === by.person_id || (confirms && subject_person_id === by.person_id))
    throw new Refusal('ANOTHER_PERSON_REQUIRED')
  await lockMembers(tx, organization_id) // whoever decides on this organisation comes one after the other
  if (by.as === 'member')
    await assertStillMay(tx, { organization_id, person_id: by.person_id }, 'members.confirm')
  else if (!(await isAdmin(tx, by.person_id))) throw new Refusal('NOT_ALLOWED')
  const decided = { state: which.decision, by: by.name, person_id: by.person_id }
  if ((await q.decideProposal(tx, proposal.id, decided)) !== 1)
    throw new Error(`${proposal.id} was decided meanwhile, though it is locked`)
  const action = confirms ? 'proposal.confirmed' : 'proposal.rejected'
  const detail = { kind: proposal.kind, proposed_by: proposal.proposed_by }
  await record(tx, { actor: by.name, action, subject: proposal.id, organization_id, detail })
  if (confirms) {
    if (!(await stillStandsFor(tx, proposal))) throw new Refusal('PROPOSAL_OUTDATED')
    await apply(tx, by.name, proposal)
  }
  return { ...proposal, state: which.decision, decided_by: by.name, decided_at: await tx.now() }
}

/** Who proposed it could do so today too: a treasurer of the organisation, or an administrator. */
async function stillStandsFor(
  tx: Tx,
  { organization_id, proposed_person_id }: q.ProposalRow,
): Promise<boolean> {
  const roles = await lockRoles(tx, { organization_id, person_id: proposed_person_id })
  return roles.includes('TRESORIER') || isAdmin(tx, proposed_person_id)
}

async function isAdmin(tx: Tx, person_id: bigint): Promise<boolean> {
  const person = await findPerson(tx, person_id)
  return person?.is_active === true && person.roles.includes('ADMIN')
}

async function apply(
  tx: Tx,
  by: string,
  { kind, organization_id, ...proposal }: q.ProposalRow,
): Promise<void> {
  switch (kind) {
    case 'SETTINGS':
      return applySettings(tx, by, organization_id, settingsChange.parse(proposal.payload))
    case 'MEMBER_ROLES': {
      const person_id = proposal.subject_person_id
      if (person_id === null) throw new Error('a change of roles concerns somebody')
      return applyRoles(tx, by, { organization_id, person_id }, rolesChange.parse(proposal.payload))
    }
    default:
      return unreachable(kind)
  }
}
