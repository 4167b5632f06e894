import { record } from '../audit/index.ts'
import type { Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { purposes } from './identity.ts'
import { isPrivileged, personName, sameRoles, type Person, type PersonRole } from './person.ts'
import * as q from './sql/admin.ts'
import { clearFailures } from './sql/codes.ts'
import { findPerson, lockPerson } from './sql/people.ts'
import { deleteFactor } from './sql/second-factors.ts'
import { endSessions, forgetStepUps } from './sql/sessions.ts'

/** Who changes another person: an administrator who is signed in, or the operator at the machine, who has no number. */
export type Changer = { readonly name: string; readonly person_id: bigint | undefined }

export const administrator = (person_id: bigint): Changer => ({ name: personName(person_id), person_id })

/**
 * Locks the administrators, in whose name one acts, and the person. Whoever was an administrator a moment ago is none any more:
 * NOT_ALLOWED. Refuses PERSON_NOT_FOUND.
 */
export async function lockForChange(
  tx: Tx,
  by: Changer,
  person_id: bigint,
): Promise<{ readonly person: Person; readonly admins: readonly bigint[] }> {
  const admins = await q.lockAdmins(tx)
  if (by.person_id !== undefined && !admins.includes(by.person_id)) throw new Refusal('NOT_ALLOWED')
  await lockPerson(tx, person_id)
  const person = await findPerson(tx, person_id)
  if (person === undefined) throw new Refusal('PERSON_NOT_FOUND')
  return { person, admins }
}

/** Refuses LAST_ADMIN where nobody would be left to undo it. */
function assertAdminStays(admins: readonly bigint[], { id }: Person): void {
  if (admins.length === 1 && admins[0] === id) throw new Refusal('LAST_ADMIN')
}

/**
 * Disables a person, or enables him again; a person is never deleted. His sign-ins end at once. Done twice it stays done. Refuses
 * NOT_ONESELF, LAST_ADMIN.
 */
export async function setActive(
  tx: Tx,
  by: Changer,
  of: { person_id: bigint; is_active: boolean },
): Promise<void> {
  const { person, admins } = await lockForChange(tx, by, of.person_id)
  if (!of.is_active && by.person_id === person.id) throw new Refusal('NOT_ONESELF')
  if (!of.is_active) assertAdminStays(admins, person)
  if ((await q.setActive(tx, person.id, of.is_active)) === 0) return
  if (!of.is_active) await endSessions(tx, { person_id: person.id, except: null }, 'DISABLED')
  await record(tx, {
    actor: by.name,
    action: of.is_active ? 'person.enabled' : 'person.disabled',
    subject: personName(person.id),
    before: { is_active: person.is_active },
    after: { is_active: of.is_active },
  })
}

/**
 * Gives a person exactly these roles. Who calls it has seen to it that two people want it where it makes an administrator or an
 * arbiter. Refuses NOT_ONESELF where somebody takes such a role from himself, LAST_ADMIN.
 */
export async function giveRoles(
  tx: Tx,
  by: Changer,
  of: { readonly person_id: bigint; readonly roles: readonly PersonRole[] },
): Promise<void> {
  const { person, admins } = await lockForChange(tx, by, of.person_id)
  if (sameRoles(person.roles, of.roles)) return
  const taken = person.roles.filter((role) => isPrivileged(role) && !of.roles.includes(role))
  if (taken.length > 0 && by.person_id === person.id) throw new Refusal('NOT_ONESELF')
  if (taken.includes('ADMIN')) assertAdminStays(admins, person)
  await q.setRoles(tx, person.id, of.roles)
  await record(tx, {
    actor: by.name,
    action: 'person.roles_changed',
    subject: personName(person.id),
    before: { roles: person.roles },
    after: { roles: of.roles },
  })
}

/**
 * Forgets the wrong codes in a row of somebody whose codes a stranger has used up: the next code that is sent may be tried. The
 * limits of codes and of everybody stay. Answers whether there were any. Refuses PERSON_NOT_FOUND.
 */
export async function forgiveCodes(tx: Tx, by: Changer, person_id: bigint): Promise<boolean> {
  const { person } = await lockForChange(tx, by, person_id)
  let forgiven = 0
  for (const purpose of purposes) forgiven += await clearFailures(tx, { person_id: person.id, purpose })
  if (forgiven === 0) return false
  await record(tx, { actor: by.name, action: 'code.forgiven', subject: personName(person.id) })
  return true
}

/**
 * Takes a second factor away from somebody who has lost it: he signs in by password alone and sets up another. His sign-ins end.
 * Answers whether there was one. Refuses PERSON_NOT_FOUND.
 */
export async function resetSecondFactor(tx: Tx, by: Changer, person_id: bigint): Promise<boolean> {
  const { person } = await lockForChange(tx, by, person_id)
  if (!(await deleteFactor(tx, person.id))) return false
  await forgetStepUps(tx, person.id)
  await endSessions(tx, { person_id: person.id, except: null }, 'SECOND_FACTOR_RESET')
  await record(tx, { actor: by.name, action: 'second_factor.reset', subject: personName(person.id) })
  return true
}
