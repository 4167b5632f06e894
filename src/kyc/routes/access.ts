import type { Actor } from '../../platform/context.ts'
import { Refusal } from '../../platform/errors.ts'

type Person = Extract<Actor, { kind: 'person' }>

export const signedIn = (actor: Actor): Person => {
  if (actor.kind !== 'person') throw new Refusal('AUTHENTICATION_REQUIRED')
  return actor
}

export const isAdmin = (actor: Actor): boolean => actor.kind === 'person' && actor.roles.includes('ADMIN')

/** For what only administrators may do: to everybody else it does not exist. */
export function adminOf(actor: Actor): Person {
  const person = signedIn(actor)
  if (!isAdmin(person)) throw new Refusal('NOT_FOUND')
  return person
}
