import { record } from '../audit/index.ts'
import type { Db, Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { administrator, giveRoles, lockForChange } from './administer.ts'
import type { Identity } from './identity.ts'
import { isPrivileged, personName, sameRoles, type Person, type PersonRole } from './person.ts'
import * as q from './sql/role-changes.ts'

/** Whether these roles make somebody an administrator or an arbiter who is none yet. */
export const needsSecondPerson = (
  { roles: now }: Pick<Person, 'roles'>,
  roles: readonly PersonRole[],
): boolean => roles.some((role) => isPrivileged(role) && !now.includes(role))

/** Leaves the roles to be confirmed by another administrator, in the place of what waited for this person before. */
export async function proposeRoles(
  tx: Tx,
  { limits }: Identity,
  by: { readonly admin_id: bigint; readonly person: Person; readonly roles: readonly PersonRole[] },
): Promise<q.RoleChange> {
  const change = await q.insertRoleChange(tx, {
    person_id: by.person.id,
    roles_before: by.person.roles,
    roles: by.roles,
    proposed_by: by.admin_id,
    lasts_s: limits.role_change_s,
  })
  await record(tx, {
    actor: personName(by.admin_id),
    action: 'role_change.proposed',
    subject: personName(by.person.id),
    detail: { change: String(change.id) },
    before: { roles: by.person.roles },
    after: { roles: by.roles },
  })
  return change
}

/**
 * A second administrator confirms, and the roles are given. Only what was proposed, once: void where the person's roles have
 * changed since, where he was disabled, or where who proposed it is no administrator any more. Refuses ROLE_CHANGE_NOT_FOUND,
 * ROLE_CHANGE_STALE, SECOND_PERSON_NEEDED.
 */
export const confirmRoles = (
  db: Db,
  by: { readonly admin_id: bigint; readonly change_id: bigint },
): Promise<bigint> =>
  db.tx(async (tx) => {
    const { change, person, admins } = await lockChange(tx, by)
    if (change.proposed_by === by.admin_id || change.person_id === by.admin_id)
      throw new Refusal('SECOND_PERSON_NEEDED')
    const is_stale =
      !admins.includes(change.proposed_by) ||
      !person.is_active ||
      !sameRoles(person.roles, change.roles_before)
    if (is_stale) throw new Refusal('ROLE_CHANGE_STALE')
    await decide(tx, by, { change, decision: 'CONFIRMED' })
    await giveRoles(tx, administrator(by.admin_id), { person_id: person.id, roles: change.roles })
    return person.id
  })

/** Any administrator may say no; who proposed it takes it back. Refuses ROLE_CHANGE_NOT_FOUND. */
export const rejectRoles = (
  db: Db,
  by: { readonly admin_id: bigint; readonly change_id: bigint },
): Promise<bigint> =>
  db.tx(async (tx) => {
    const { change } = await lockChange(tx, by)
    await decide(tx, by, { change, decision: 'REJECTED' })
    return change.person_id
  })

type Locked = Awaited<ReturnType<typeof lockForChange>> & { readonly change: q.RoleChange }

/** People before the proposal: in the order of every other change. */
async function lockChange(
  tx: Tx,
  { admin_id, change_id }: { readonly admin_id: bigint; readonly change_id: bigint },
): Promise<Locked> {
  const found = await q.findRoleChange(tx, change_id)
  if (found === undefined) throw new Refusal('ROLE_CHANGE_NOT_FOUND')
  const locked = await lockForChange(tx, administrator(admin_id), found.person_id)
  const change = await q.lockRoleChange(tx, change_id)
  if (change === undefined) throw new Refusal('ROLE_CHANGE_NOT_FOUND')
  return { ...locked, change }
}

async function decide(
  tx: Tx,
  { admin_id }: { readonly admin_id: bigint },
  { change, decision }: { readonly change: q.RoleChange; readonly decision: 'CONFIRMED' | 'REJECTED' },
): Promise<void> {
  await q.decideRoleChange(tx, change.id, { decision, person_id: admin_id })
  await record(tx, {
    actor: personName(admin_id),
    action: decision === 'CONFIRMED' ? 'role_change.confirmed' : 'role_change.rejected',
    subject: personName(change.person_id),
    detail: { change: String(change.id), proposed_by: personName(change.proposed_by) },
  })
}
