import { record } from '../../audit/index.ts'
import type { Reader, Tx } from '../../platform/db.ts'
import { Refusal } from '../../platform/errors.ts'
import { parsePhone } from '../../platform/phone.ts'
import type { MemberRole } from '../matrix.ts'
import { insertOrganization, lockOrganization, type Organization } from '../organization.ts'
import { findPerson, findPersonByPhone } from '../sql/people.ts'
import type { ProposalRow } from '../sql/proposals.ts'
import { lockMembers } from '../sql/members.ts'
import { applyRoles, rolesNow } from './members.ts'
import { propose, type Decider } from './proposals.ts'

export type Named = { readonly person_id: bigint } | { readonly phone_number: string }
export type NewMember = { readonly who: Named; readonly roles: readonly MemberRole[] }

/** Makes an organisation with its first members. `actor` is who makes it. Refuses ORGANIZATION_EXISTS and PERSON_NOT_FOUND. */
export async function createOrganization(
  tx: Tx,
  actor: string,
  { name, members }: { readonly name: string; readonly members: readonly NewMember[] },
): Promise<Organization> {
  const organization = await insertOrganization(tx, name)
  const subject = `organization:${organization.id}`
  await record(tx, { actor, action: 'organization.created', subject, organization_id: organization.id })
  for (const member of members) await setMember(tx, actor, organization.id, member)
  return organization
}

/**
 * Gives members to an organisation from outside it. One that has none gets them at once. In one that has some each is a
 * proposal, which a member of it or another administrator must confirm. Refuses ORGANIZATION_NOT_FOUND and PERSON_NOT_FOUND.
 */
export async function giveMembers(
  tx: Tx,
  by: Decider,
  { organization_id, members }: { readonly organization_id: bigint; readonly members: readonly NewMember[] },
): Promise<readonly ProposalRow[]> {
  if ((await lockOrganization(tx, organization_id)) === undefined) throw new Refusal('ORGANIZATION_NOT_FOUND')
  if ((await lockMembers(tx, organization_id)).length === 0) {
    for (const member of members) await setMember(tx, by.name, organization_id, member)
    return []
  }
  const proposals: ProposalRow[] = []
  for (const { who, roles } of members) {
    const person_id = await findNamed(tx, who)
    const before = await rolesNow(tx, { organization_id, person_id })
    const change = { before: before && [...before], after: [...roles] }
    proposals.push(
      await propose(tx, by, { organization_id, kind: 'MEMBER_ROLES', change, subject_person_id: person_id }),
    )
  }
  return proposals
}

/** Makes somebody a member, or gives a member other roles, at once: for who runs the machine, and for the first ones. */
export async function setMember(
  tx: Tx,
  actor: string,
  organization_id: bigint,
  { who, roles }: NewMember,
): Promise<bigint> {
  const person_id = await findNamed(tx, who)
  const before = await rolesNow(tx, { organization_id, person_id })
  const change = { before: before && [...before], after: [...roles] }
  await applyRoles(tx, actor, { organization_id, person_id }, change)
  return person_id
}

/** An active person by number or phone. Refuses PERSON_NOT_FOUND and PHONE_INVALID. */
export async function findNamed(db: Reader, who: Named): Promise<bigint> {
  const person =
    'person_id' in who
      ? await findPerson(db, who.person_id)
      : await findPersonByPhone(db, parsePhone(who.phone_number).number)
  if (person?.is_active !== true) throw new Refusal('PERSON_NOT_FOUND')
  return person.id
}
