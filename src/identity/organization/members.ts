import { z } from 'zod'
import { record } from '../../audit/index.ts'
import type { Tx } from '../../platform/db.ts'
import { Refusal } from '../../platform/errors.ts'
import { memberRoles, type MemberRole } from '../matrix.ts'
import { personName } from '../person.ts'
import { deleteMember, lockMembers, putMember, type LockedMember } from '../sql/members.ts'

export const rolesSchema = z
  .array(z.enum(memberRoles))
  .min(1)
  .max(memberRoles.length)
  .transform((roles) => memberRoles.filter((role) => roles.includes(role)))

const kept = z.array(z.enum(memberRoles))
/** What a proposal about roles holds: those that were found (null: no member), and those that are wanted. */
export const rolesChange = z.strictObject({ before: kept.nullable(), after: kept })
export type RolesChange = z.output<typeof rolesChange>

export type Membership = { readonly organization_id: bigint; readonly person_id: bigint }

/** Roles by which money moves: two people give them, or take them. */
const moving: readonly MemberRole[] = ['APPROBATEUR', 'TRESORIER']
export const movesMoney = (role: MemberRole): boolean => moving.includes(role)

/** Whether this change needs a second person. */
export const needsTwo = ({ before, after }: RolesChange): boolean =>
  moving.some((role) => (before ?? []).includes(role) !== after.includes(role))

/** What he is in the organisation now, all its members locked; null where he is none. */
export async function rolesNow(
  tx: Tx,
  { organization_id, person_id }: Membership,
): Promise<readonly MemberRole[] | null> {
  const members = await lockMembers(tx, organization_id)
  return members.find((member) => member.person_id === person_id)?.roles ?? null
}

/** Gives somebody these roles. Refuses PROPOSAL_OUTDATED where he has others than the change found, LAST_TREASURER. */
export async function applyRoles(
  tx: Tx,
  by: string,
  who: Membership,
  { before, after }: RolesChange,
): Promise<void> {
  const { organization_id, person_id } = who
  const members = await lockMembers(tx, organization_id)
  const now = members.find((member) => member.person_id === person_id)?.roles ?? null
  if (!sameRoles(now, before)) throw new Refusal('PROPOSAL_OUTDATED')
  if (!after.includes('TRESORIER')) refuseLastTreasurer(members, person_id)
  await putMember(tx, { organization_id, person_id, roles: after })
  await record(tx, {
    actor: by,
    action: now === null ? 'member.added' : 'member.roles_changed',
    subject: personName(person_id),
    organization_id,
    before: { roles: now },
    after: { roles: after },
  })
}

/** Takes a member out at once: what is taken away needs no second person. Refuses MEMBER_NOT_FOUND and LAST_TREASURER. */
export async function removeMember(tx: Tx, by: string, who: Membership): Promise<void> {
  const { organization_id, person_id } = who
  const members = await lockMembers(tx, organization_id)
  const found = members.find((member) => member.person_id === person_id)
  if (found === undefined) throw new Refusal('MEMBER_NOT_FOUND')
  refuseLastTreasurer(members, person_id)
  await deleteMember(tx, organization_id, person_id)
  await record(tx, {
    actor: by,
    action: 'member.removed',
    subject: personName(person_id),
    organization_id,
    before: { roles: found.roles },
    after: { roles: null },
  })
}

/** Without a treasurer nobody could invite, fund or propose any more; one who is blocked can do none of it. */
function refuseLastTreasurer(members: readonly LockedMember[], leaving: bigint): void {
  const treasurers = members.filter(({ roles }) => roles.includes('TRESORIER'))
  if (!treasurers.some(({ person_id }) => person_id === leaving)) return
  if (!treasurers.some(({ person_id, is_active }) => is_active && person_id !== leaving))
    throw new Refusal('LAST_TREASURER')
}

export const sameRoles = (one: readonly MemberRole[] | null, other: readonly MemberRole[] | null): boolean =>
  (one === null) === (other === null) &&
  memberRoles.every((role) => (one ?? []).includes(role) === (other ?? []).includes(role))
