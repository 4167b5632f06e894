import { listKycExpired, lockKycFacts } from '../identity/index.ts'
import type { Db } from '../platform/db.ts'
import { decide } from './decide.ts'

const AT_ONCE = 200

/** Ends the proofs whose time is over, one transaction each; answers how many. */
export async function expireProofs(db: Db): Promise<number> {
  let expired = 0
  for (const { id } of await listKycExpired(db, AT_ONCE)) {
    const to = await db.tx(async (tx) => {
      const person = await lockKycFacts(tx, id)
      if (person === undefined || person.kyc_status !== 'VERIFIED') return undefined
      // It may have been renewed between the list and the lock.
      if (person.kyc_expires_at === null || person.kyc_expires_at > (await tx.now())) return undefined
      return decide(tx, person, { event: 'EXPIRE', by: 'kyc', reason: 'EXPIRED' })
    })
    if (to !== undefined) expired++
  }
  return expired
}
