import { refuseOn, sql, type Reader, type Tx } from '../../platform/db.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Person, PersonRole, Profile } from '../person.ts'

/** A constant list of columns cannot be a value of the template: each statement that answers a person reads this view. */
export const findPerson = (db: Reader, id: bigint): Promise<Person | undefined> =>
  db.maybeOne(sql`select * from identity_people_read where id = ${id}`)

export const findPersonByPhone = (db: Reader, phone_number: string): Promise<Person | undefined> =>
  db.maybeOne(sql`select * from identity_people_read where phone_number = ${phone_number}`)

export const findPersonByEmail = (db: Reader, email: string): Promise<Person | undefined> =>
  db.maybeOne(sql`select * from identity_people_read where lower(email) = lower(${email})`)

/** A person with the hash of the password, by phone (E.164) or e-mail, whatever its case. */
export type Account = { readonly person: Person; readonly phc: string }
type AccountRow = Person & { readonly phc: string }

export async function findAccountByPhone(db: Reader, phone: string): Promise<Account | undefined> {
  const row = await db.maybeOne<AccountRow>(sql`
    select r.*, w.phc from identity_people_read r join identity_passwords w on w.person_id = r.id
    where r.phone_number = ${phone}`)
  return accountOf(row)
}

export async function findAccountByEmail(db: Reader, email: string): Promise<Account | undefined> {
  const row = await db.maybeOne<AccountRow>(sql`
    select r.*, w.phc from identity_people_read r join identity_passwords w on w.person_id = r.id
    where lower(r.email) = lower(${email})`)
  return accountOf(row)
}

export async function findAccountById(db: Reader, id: bigint): Promise<Account | undefined> {
  const row = await db.maybeOne<AccountRow>(sql`
    select r.*, w.phc from identity_people_read r join identity_passwords w on w.person_id = r.id
    where r.id = ${id}`)
  return accountOf(row)
}

function accountOf(row: AccountRow | undefined): Account | undefined {
  if (row === undefined) return undefined
  const { phc, ...person } = row
  return { person, phc }
}

export type NewPerson = {
  readonly phone_number: string
  readonly email?: string | undefined
  readonly first_name: string
  readonly last_name: string
  readonly roles: readonly PersonRole[]
  readonly preferred_language: 'fr' | 'en'
}

/** Refuses PHONE_TAKEN and EMAIL_TAKEN. */
export async function insertPerson(tx: Tx, person: NewPerson, phc: string | undefined): Promise<bigint> {
  const { id } = await tx
    .one<{ id: bigint }>(
      sql`
    insert into identity_people (phone_number, email, first_name, last_name, roles, preferred_language)
    values (${person.phone_number}, ${person.email ?? null}, ${person.first_name}, ${person.last_name},
      ${[...person.roles]}::text[], ${person.preferred_language})
    returning id`,
    )
    .catch(refuseOn('identity_people_phone', () => new Refusal('PHONE_TAKEN')))
    .catch(refuseOn('identity_people_email', () => new Refusal('EMAIL_TAKEN')))
  if (phc !== undefined)
    await tx.run(sql`insert into identity_passwords (person_id, phc) values (${id}, ${phc})`)
  return id
}

/** Replaces the whole profile. Refuses EMAIL_TAKEN. */
export const updateProfile = (tx: Tx, id: bigint, profile: Profile): Promise<number> =>
  tx
    .run(
      sql`
    update identity_people
    set email = ${profile.email}, first_name = ${profile.first_name}, last_name = ${profile.last_name},
      preferred_language = ${profile.preferred_language}, date_of_birth = ${profile.date_of_birth}::date,
      address_street = ${profile.address_street}, address_city = ${profile.address_city},
      address_region = ${profile.address_region}, address_postal_code = ${profile.address_postal_code},
      address_country = ${profile.address_country}, updated_at = cauri_now()
    where id = ${id}`,
    )
    .catch(refuseOn('identity_people_email', () => new Refusal('EMAIL_TAKEN')))

/** Locks the person's row: what is counted per person is counted by one transaction at a time. */
export const lockPerson = (tx: Tx, id: bigint): Promise<{ id: bigint } | undefined> =>
  tx.maybeOne(sql`select id from identity_people where id = ${id} for no key update`)

/** Only where it was not verified yet: the first time counts. */
export const setPhoneVerified = (tx: Tx, id: bigint): Promise<number> =>
  tx.run(sql`
    update identity_people set phone_verified_at = cauri_now(), updated_at = cauri_now()
    where id = ${id} and phone_verified_at is null`)

/** Also the first one of somebody whom an administrator made. */
export const setPassword = (tx: Tx, id: bigint, phc: string): Promise<number> =>
  tx.run(sql`
    insert into identity_passwords (person_id, phc) values (${id}, ${phc})
    on conflict (person_id) do update set phc = excluded.phc, changed_at = cauri_now()`)

/**
 * Whether the hash that a password was verified against is still the person's, locked: it was changed before this
 * transaction, or will be after it, and then sees what this one has written.
 */
export const lockPassword = async (tx: Tx, id: bigint, phc: string): Promise<boolean> =>
  (await tx.maybeOne(sql`
    select person_id from identity_passwords where person_id = ${id} and phc = ${phc} for update`)) !==
  undefined

/** The same password at another cost: it was not changed by that. */
export const replaceHash = (tx: Tx, id: bigint, phc: string): Promise<number> =>
  tx.run(sql`update identity_passwords set phc = ${phc} where person_id = ${id}`)
