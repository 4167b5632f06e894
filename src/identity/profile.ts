import { record } from '../audit/index.ts'
import type { Db, Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import type { Identity } from './identity.ts'
import { actionsOf, type Action } from './matrix.ts'
import type { NewsChoice } from './news.ts'
import { personName, type Person, type Profile } from './person.ts'
import { readPerson } from './register.ts'
import { listMemberships, type Membership } from './sql/members.ts'
import { hasSecondFactor } from './sql/second-factors.ts'
import { listSessions } from './sql/sessions.ts'
import { lockPerson, updateProfile } from './sql/people.ts'

/** What is absent stays; null empties. */
export type ProfileChange = { readonly [K in keyof Profile]?: Profile[K] | undefined }

/**
 * Changes what is given, and what he wants to hear of. The trail says which fields, never what stood in them. Refuses
 * EMAIL_TAKEN and DATE_OF_BIRTH_INVALID.
 */
export const changeProfile = (
  db: Db,
  { news }: Pick<Identity, 'news'>,
  by: { readonly person_id: bigint; readonly change: ProfileChange; readonly choices: readonly NewsChoice[] },
): Promise<void> =>
  db.tx(async (tx) => {
    const { person_id, change, choices } = by
    await lockPerson(tx, person_id)
    const before = await readPerson(tx, person_id)
    await refuseFutureBirth(tx, change.date_of_birth)
    const given = Object.entries(change).filter(([, value]) => value !== undefined)
    await updateProfile(tx, person_id, { ...before, ...(Object.fromEntries(given) as Partial<Profile>) })
    for (const choice of choices) await news.choose(tx, person_id, choice)
    const name = personName(person_id)
    const changed = choices.length > 0 ? [...given, ['notifications'] as const] : given
    const fields = changed.map(([field]) => field).join(' ')
    await record(tx, { actor: name, action: 'profile.changed', subject: name, detail: { fields } })
  })

/** A person as he sees himself: who he is, where he is a member, what he may do and what waits for him. */
export type WholeProfile = {
  readonly person: Person
  readonly has_second_factor: boolean
  readonly permissions: readonly Action[]
  readonly memberships: readonly (Membership & { readonly permissions: readonly Action[] })[]
  readonly notifications: readonly NewsChoice[]
  readonly counts: { readonly unread_notifications: number; readonly sessions: number }
}

export async function readProfile(
  db: Db,
  { news }: Pick<Identity, 'news'>,
  person_id: bigint,
): Promise<WholeProfile> {
  const person = await db.tx((tx) => readPerson(tx, person_id))
  const memberships = await listMemberships(db, person_id)
  return {
    person,
    has_second_factor: await hasSecondFactor(db, person_id),
    permissions: [...actionsOf('person', person.roles), ...actionsOf('system', person.roles)],
    memberships: memberships.map((one) => ({ ...one, permissions: actionsOf('organization', one.roles) })),
    notifications: await news.listChoices(db, person_id),
    counts: {
      unread_notifications: await news.countUnread(db, person_id),
      sessions: (await listSessions(db, person_id)).length,
    },
  }
}

/** Nobody was born tomorrow, or before 1900. */
async function refuseFutureBirth(tx: Tx, date: string | null | undefined): Promise<void> {
  if (date === undefined || date === null) return
  const today = (await tx.now()).toISOString().slice(0, 10)
  if (date > today || date < '1900-01-01') throw new Refusal('DATE_OF_BIRTH_INVALID')
}
