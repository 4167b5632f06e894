import { record } from '../audit/index.ts'
import type { Db, Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { parsePhone } from '../platform/phone.ts'
import { sendCode } from './code.ts'
import type { Identity } from './identity.ts'
import { setKycStatus } from './kyc.ts'
import { assertGoodPassword, newPasswordSchema } from './password/choose.ts'
import { personName, type KycStatus, type Person } from './person.ts'
import { openSession, type Tokens } from './session.ts'
import { findPerson, insertPerson, setPhoneVerified, type NewPerson } from './sql/people.ts'
import type { Device } from './sql/sessions.ts'
import { countRegistration } from './throttle.ts'

export type Registration = {
  readonly phone_number: string
  readonly email?: string | undefined
  readonly first_name: string
  readonly last_name: string
  readonly password: string
  readonly password_confirmation: string
  readonly role: 'BUYER' | 'SELLER'
  readonly preferred_language: 'fr' | 'en'
}

export type SignedIn = { readonly person: Person; readonly tokens: Tokens }

/**
 * Makes a person, signs him in and sends a code to his phone, in one transaction. Refuses PHONE_INVALID, PHONE_TAKEN,
 * EMAIL_TAKEN, PASSWORD_CONFIRMATION_DIFFERS, PASSWORD_TOO_COMMON, and TOO_MANY_REQUESTS after five an hour from one address.
 */
export async function register(
  db: Db,
  identity: Identity,
  { registration, device }: { readonly registration: Registration; readonly device: Device },
): Promise<SignedIn> {
  const phone_number = parsePhone(registration.phone_number).number
  const { password, password_confirmation, email, first_name, last_name } = registration
  const known = [phone_number, phone_number.slice(1), phone_number.slice(4), email, first_name, last_name]
  assertGoodPassword(password, password_confirmation, known)
  await countRegistration(db, identity, device.address)
  const phc = await identity.hasher.hash(password)
  const { preferred_language, role } = registration
  const person = { phone_number, email, first_name, last_name, roles: [role], preferred_language }
  return db.tx(async (tx) => {
    const made = await createPerson(tx, 'register', { person, phc })
    await sendCode(tx, identity, { person: made, purpose: 'VERIFY_PHONE' })
    const tokens = await openSession(tx, identity, { person_id: made.id, device, second_factor: false })
    return { person: made, tokens }
  })
}

/**
 * Makes an administrator, by who holds the machine. Refuses PHONE_INVALID, PHONE_TAKEN, EMAIL_TAKEN, PASSWORD_TOO_COMMON, and
 * VALIDATION_FAILED for a password of less than eight characters.
 */
export async function createAdministrator(
  db: Db,
  { hasher }: Pick<Identity, 'hasher'>,
  by: {
    readonly actor: string
    readonly person: Omit<NewPerson, 'roles'>
    readonly password: string
  },
): Promise<Person> {
  const phone_number = parsePhone(by.person.phone_number).number
  if (!newPasswordSchema.safeParse(by.password).success)
    throw new Refusal('VALIDATION_FAILED', {
      detail: {
        en: 'a password has 8 to 256 characters',
        fr: 'un mot de passe a de 8 à 256 caractères',
      },
    })
  const { email, first_name, last_name } = by.person
  assertGoodPassword(by.password, undefined, [
    phone_number,
    phone_number.slice(1),
    email,
    first_name,
    last_name,
  ])
  const phc = await hasher.hash(by.password)
  const person = { ...by.person, phone_number, roles: ['ADMIN'] } as const
  return db.tx((tx) => createPerson(tx, by.actor, { person, phc }))
}

/** Writes a new person with the hash of his password; without one, he sets one by a code. `actor` is who makes him. Refuses PHONE_TAKEN and EMAIL_TAKEN. */
export async function createPerson(
  tx: Tx,
  actor: string,
  { person, phc }: { readonly person: NewPerson; readonly phc?: string },
): Promise<Person> {
  const id = await insertPerson(tx, person, phc)
  const roles = person.roles.join(' ')
  await record(tx, { actor, action: 'person.created', subject: personName(id), detail: { roles } })
  return readPerson(tx, id)
}

/** What others find out about a person. */
export type Attested = {
  readonly person_id: bigint
  readonly phone_verified?: true
  readonly kyc_status?: KycStatus
  /** Until when VERIFIED is good; none: it has no end. */
  readonly kyc_expires_at?: Date
}

/** Writes what others found out: `actor` says who. Nothing else changes it. */
export async function attest(tx: Tx, actor: string, found: Attested): Promise<void> {
  const subject = personName(found.person_id)
  if (found.phone_verified === true && (await setPhoneVerified(tx, found.person_id)) === 1)
    await record(tx, { actor, action: 'phone.verified', subject })
  if (found.kyc_status === undefined) return
  const { kyc_status: status, kyc_expires_at: expires_at = null } = found
  await setKycStatus(tx, found.person_id, { status, expires_at })
  await record(tx, { actor, action: 'kyc.status', subject, detail: { status } })
}

/** The signed-in person. One who is gone meanwhile is signed in no more. */
export async function readPerson(tx: Tx, id: bigint): Promise<Person> {
  const person = await findPerson(tx, id)
  if (person === undefined) throw new Refusal('AUTHENTICATION_REQUIRED')
  return person
}
