import { countActsToday, record } from '../audit/index.ts'
import type { Db, Reader } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { parsePhone } from '../platform/phone.ts'
import { administrator, giveRoles, lockForChange, setActive } from './administer.ts'
import type { Identity } from './identity.ts'
import {
  isPrivileged,
  kycStates,
  personName,
  personRoles,
  type KycStatus,
  type PersonRole,
  type Profile,
} from './person.ts'
import { createPerson } from './register.ts'
import { needsSecondPerson, proposeRoles } from './role-change.ts'
import * as q from './sql/admin.ts'
import { updateProfile } from './sql/people.ts'

export type NewByAdmin = {
  readonly phone_number: string
  readonly email?: string | undefined
  readonly first_name: string
  readonly last_name: string
  readonly roles: readonly PersonRole[]
  readonly preferred_language: 'fr' | 'en'
}

/**
 * Makes a person without a password: a code goes to his phone, by which he sets one. Administrators and arbiters begin as what
 * anybody may be, until a second administrator confirms. Answers his number. Refuses PHONE_INVALID, PHONE_TAKEN, EMAIL_TAKEN.
 */
export async function addPerson(
  db: Db,
  identity: Identity,
  { admin_id, person: asked }: { readonly admin_id: bigint; readonly person: NewByAdmin },
): Promise<bigint> {
  const phone_number = parsePhone(asked.phone_number).number
  const open = asked.roles.filter((role) => !isPrivileged(role))
  const roles: readonly PersonRole[] = open.length === 0 ? ['BUYER'] : open
  return db.tx(async (tx) => {
    const made = await createPerson(tx, personName(admin_id), { person: { ...asked, phone_number, roles } })
    await lockForChange(tx, administrator(admin_id), made.id)
    if (needsSecondPerson(made, asked.roles))
      await proposeRoles(tx, identity, { admin_id, person: made, roles: asked.roles })
    await identity.askReset(tx, { phone_number })
    return made.id
  })
}

/** What an administrator may change of somebody. What is absent stays. */
export type ChangeByAdmin = {
  readonly roles?: readonly PersonRole[] | undefined
  readonly is_active?: boolean | undefined
  readonly first_name?: string | undefined
  readonly last_name?: string | undefined
  readonly email?: string | null | undefined
  readonly preferred_language?: 'fr' | 'en' | undefined
}

/**
 * Changes a person, all of it or nothing. Roles that make an administrator or an arbiter wait for a second one. Refuses
 * PERSON_NOT_FOUND, NOT_ONESELF, LAST_ADMIN, EMAIL_TAKEN.
 */
export async function changePerson(
  db: Db,
  identity: Identity,
  by: { readonly admin_id: bigint; readonly person_id: bigint; readonly change: ChangeByAdmin },
): Promise<void> {
  const { roles, is_active, ...names } = by.change
  const { person_id } = by
  const admin = administrator(by.admin_id)
  await db.tx(async (tx) => {
    const { person } = await lockForChange(tx, admin, person_id)
    const given = Object.entries(names).filter(([, value]) => value !== undefined)
    if (given.length > 0) {
      await updateProfile(tx, person_id, { ...person, ...(Object.fromEntries(given) as Partial<Profile>) })
      // Names are in no trail: which fields, never what stood in them.
      const fields = given.map(([field]) => field).join(' ')
      await record(tx, {
        actor: admin.name,
        action: 'person.changed',
        subject: personName(person_id),
        detail: { fields },
      })
    }
    if (is_active !== undefined) await setActive(tx, admin, { person_id, is_active })
    if (roles === undefined) return
    if (needsSecondPerson(person, roles)) {
      await proposeRoles(tx, identity, { admin_id: by.admin_id, person, roles })
    } else await giveRoles(tx, admin, { person_id, roles })
  })
}

export type Statistics = {
  readonly total_users: number
  readonly new_users_this_month: number
  readonly verified_users: number
  readonly active_users: number
  readonly users_by_role: Readonly<Record<PersonRole, number>>
  readonly users_by_kyc_status: Readonly<Record<KycStatus, number>>
  readonly failed_login_attempts_today: number
}

const FAILED = ['login.failed', 'second_factor.failed']

/** How many there are. Months and days are UTC's; failures are counted from the trail, which names no stranger. */
export async function readStatistics(db: Reader): Promise<Statistics> {
  const { total, this_month, verified, active } = await q.countAllPeople(db)
  const [by_role, by_kyc] = [await q.countByRole(db), await q.countByKyc(db)]
  return {
    total_users: Number(total),
    new_users_this_month: Number(this_month),
    verified_users: Number(verified),
    active_users: Number(active),
    users_by_role: tableOf(personRoles, by_role),
    users_by_kyc_status: tableOf(kycStates, by_kyc),
    failed_login_attempts_today: await countActsToday(db, FAILED),
  }
}

const tableOf = <K extends string>(
  keys: readonly K[],
  counted: readonly { readonly of: K; readonly n: bigint }[],
): Record<K, number> =>
  Object.fromEntries(
    keys.map((key) => [key, Number(counted.find((one) => one.of === key)?.n ?? 0n)]),
  ) as Record<K, number>

/** Refuses PERSON_NOT_FOUND. */
export async function readListed(db: Reader, id: bigint): Promise<q.ListedPerson> {
  const found = await q.findListed(db, id)
  if (found === undefined) throw new Refusal('PERSON_NOT_FOUND')
  return found
}
