import { record } from '../audit/index.ts'
import type { Db, Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { personName, type Person, type Profile } from './person.ts'
import { readPerson } from './register.ts'
import { lockPerson, updateProfile } from './sql/people.ts'

/** What is absent stays; null empties. */
export type ProfileChange = { readonly [K in keyof Profile]?: Profile[K] | undefined }

/** Changes what is given. The trail says which fields, never what stood in them. Refuses EMAIL_TAKEN and DATE_OF_BIRTH_INVALID. */
export const changeProfile = (db: Db, person_id: bigint, change: ProfileChange): Promise<Person> =>
  db.tx(async (tx) => {
    await lockPerson(tx, person_id)
    const before = await readPerson(tx, person_id)
    await refuseFutureBirth(tx, change.date_of_birth)
    const given = Object.entries(change).filter(([, value]) => value !== undefined)
    await updateProfile(tx, person_id, { ...before, ...(Object.fromEntries(given) as Partial<Profile>) })
    const name = personName(person_id)
    const fields = given.map(([field]) => field).join(' ')
    await record(tx, { actor: name, action: 'profile.changed', subject: name, detail: { fields } })
    return readPerson(tx, person_id)
  })

/** Nobody was born tomorrow, or before 1900. */
async function refuseFutureBirth(tx: Tx, date: string | null | undefined): Promise<void> {
  if (date === undefined || date === null) return
  const today = (await tx.now()).toISOString().slice(0, 10)
  if (date > today || date < '1900-01-01') throw new Refusal('DATE_OF_BIRTH_INVALID')
}
