import { AsyncLocalStorage } from 'node:async_hooks'
import type { Config } from './config.ts'
import type { Db } from './db.ts'
import type { Log } from './log.ts'

/** What every use case needs: the store, the log, the settings. Passed first, never hidden. */
export type Ctx = { readonly db: Db; readonly log: Log; readonly config: Config }

/**
 * Who asks. Somebody who acts for an organisation: a member, an API key, or the sandbox's own machine for the demo
 * organisation; a person for himself or, by his role, for the whole installation; or nobody in particular.
 */
export type Actor =
  | {
      readonly kind: 'organization'
      readonly organization_id: bigint
      /** Who acts, as the trail names him: `person:5`, a key, or the organisation itself where nobody signed in. */
      readonly name: string
      /** The member who acts; absent where it is not a person. */
      readonly person_id?: bigint
      /** His sign-in. */
      readonly session_id?: string
      /** His roles there. */
      readonly roles?: readonly string[]
      /** Of a key: the people who know its secret. What it makes they may not approve. */
      readonly behind?: readonly bigint[]
      /** Of a key: the hash of the secret that was shown, by which what stays open is judged again. */
      readonly secret_hash?: Buffer
    }
  | {
      readonly kind: 'person'
      readonly person_id: bigint
      readonly session_id: string
      readonly roles: readonly string[]
    }
  | { readonly kind: 'anonymous' }

/** What is known of the call that is being served, for the audit trail. */
export type CallFacts = {
  readonly request_id: string
  readonly address?: string | undefined
  readonly user_agent?: string | undefined
  readonly role?: string
}

const calls = new AsyncLocalStorage<{ readonly facts: CallFacts; over: boolean }>()

/** Serves a call: until its work has ended, `callFacts` tells what is known of it. */
export async function whileServing<T>(facts: CallFacts, work: () => Promise<T>): Promise<T> {
  const call = { facts, over: false }
  try {
    return await calls.run(call, work)
  } finally {
    call.over = true // what the call has started and left running is nobody's call
  }
}

/** The call that this code runs for, if any. Only for what the trail keeps beside an act: who may what is passed. */
export function callFacts(): CallFacts | undefined {
  const call = calls.getStore()
  return call?.over === false ? call.facts : undefined
}

/** Runs what serves everybody (a driver that is woken): nothing of it belongs to the call that set it off. */
export const outsideCalls = <T>(work: () => T): T => calls.exit(work)

/** The people who did it, or could have: none where the sandbox's own machine acts. */
export const peopleBehind = (actor: Actor): readonly bigint[] => {
  if (actor.kind === 'anonymous') return []
  if (actor.person_id !== undefined) return [actor.person_id]
  return actor.kind === 'organization' ? (actor.behind ?? []) : []
}
