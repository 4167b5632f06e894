import type { Actor } from '../../platform/context.ts'
import { Refusal } from '../../platform/errors.ts'

type Person = Extract<Actor, { kind: 'person' }>

/** Who calls: the matrix has let him in, as a person for himself or as an administrator. */
export function signedIn(actor: Actor): Person {
  if (actor.kind !== 'person') throw new Refusal('AUTHENTICATION_REQUIRED')
  return actor
}

/** On routes that are open to everybody for himself: whether he may also look at others. */
export const mayReadAll = (actor: Actor): boolean => actor.kind === 'person' && actor.roles.includes('ADMIN')
