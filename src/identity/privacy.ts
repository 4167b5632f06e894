import { record } from '../audit/index.ts'
import { sql, type Reader, type Tx } from '../platform/db.ts'
import { personName, type Person } from './person.ts'
import { listMemberships, type Membership } from './sql/members.ts'
import { findPerson } from './sql/people.ts'
import { listSessions, type SessionRow } from './sql/sessions.ts'

/** What this module knows of a person, for himself: no hash, no secret, no code. */
export type PersonExport = {
  readonly person: Person
  readonly sessions: readonly SessionRow[]
  readonly memberships: readonly Membership[]
}

export async function exportPerson(db: Reader, person_id: bigint): Promise<PersonExport | undefined> {
  const person = await findPerson(db, person_id)
  if (person === undefined) return undefined
  return {
    person,
    sessions: await listSessions(db, person_id),
    memberships: await listMemberships(db, person_id),
  }
}

/**
 * Takes away what names a person, for good: name, number, address, password, second factor, codes, sessions, memberships, invitations. The row and its
 * number stay, so that the books and the trail still tell whose a thing was. `+999` is the calling code of no country.
 */
export async function erasePerson(tx: Tx, actor: string, person_id: bigint): Promise<void> {
  const nobody = `+999${String(person_id).padStart(11, '0')}`
  await tx.run(sql`
    update identity_invitations i set phone_number = ${nobody}, email = null
    from identity_people p
    where p.id = ${person_id} and (i.accepted_person_id = p.id or i.phone_number = p.phone_number
      or lower(i.email) = lower(p.email))`)
  await tx.run(sql`
    update identity_people set phone_number = ${nobody}, email = null, first_name = '-', last_name = '-',
      date_of_birth = null, address_street = null, address_city = null, address_region = null,
      address_postal_code = null, address_country = null, phone_verified_at = null, kyc_status = 'PENDING',
      kyc_expires_at = null, is_active = false, erased_at = cauri_now(), updated_at = cauri_now()
    where id = ${person_id}`)
  await tx.run(sql`delete from identity_passwords where person_id = ${person_id}`)
  await tx.run(sql`delete from identity_second_factors where person_id = ${person_id}`)
  await tx.run(sql`delete from identity_codes where person_id = ${person_id}`)
  await tx.run(sql`delete from identity_code_failures where person_id = ${person_id}`)
  await tx.run(sql`delete from identity_members where person_id = ${person_id}`)
  await tx.run(sql`
    update identity_sessions set user_agent = null, address = null,
      ended_because = coalesce(ended_because, 'REVOKED'), ended_at = coalesce(ended_at, cauri_now())
    where person_id = ${person_id}`)
  await record(tx, { actor, action: 'person.erased', subject: personName(person_id) })
}
