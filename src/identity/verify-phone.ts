import type { Db } from '../platform/db.ts'
import { Refusal, unreachable } from '../platform/errors.ts'
import { checkCode, sendCode, type Verdict } from './code.ts'
import type { Identity } from './identity.ts'
import { personName, type Person } from './person.ts'
import { attest, readPerson } from './register.ts'

/**
 * Holds a code against the newest one that went to the caller's phone. Done twice it stays done. Refuses CODE_INVALID,
 * CODE_LOCKED and TOO_MANY_REQUESTS.
 */
export async function verifyPhone(
  db: Db,
  identity: Identity,
  guess: { readonly person_id: bigint; readonly code: string },
): Promise<Person> {
  // The refusal comes after the commit: a wrong guess counts.
  const { verdict, person } = await db.tx(async (tx) => {
    const before = await readPerson(tx, guess.person_id)
    if (before.phone_verified_at !== null) return { verdict: 'right' as Verdict, person: before }
    const said = await checkCode(tx, identity, { person: before, purpose: 'VERIFY_PHONE', code: guess.code })
    if (said === 'right')
      await attest(tx, personName(before.id), { person_id: before.id, phone_verified: true })
    return { verdict: said, person: await readPerson(tx, guess.person_id) }
  })
  refuseUnlessRight(verdict)
  return person
}

function refuseUnlessRight(verdict: Verdict): void {
  switch (verdict) {
    case 'right':
      return
    case 'wrong':
      throw new Refusal('CODE_INVALID')
    case 'locked':
      throw new Refusal('CODE_LOCKED')
    case 'paused':
      throw new Refusal('TOO_MANY_REQUESTS', { retry_after_s: 3_600 })
    default:
      return unreachable(verdict)
  }
}

/** Sends the caller another code. Refuses PHONE_VERIFIED_ALREADY, and TOO_MANY_REQUESTS above three an hour or five a day. */
export async function resendVerification(db: Db, identity: Identity, person_id: bigint): Promise<void> {
  const sent = await db.tx(async (tx) => {
    const person = await readPerson(tx, person_id)
    if (person.phone_verified_at !== null) throw new Refusal('PHONE_VERIFIED_ALREADY')
    return sendCode(tx, identity, { person, purpose: 'VERIFY_PHONE' })
  })
  if (sent.kind === 'too_many') throw new Refusal('TOO_MANY_REQUESTS', { retry_after_s: sent.wait_s })
}
