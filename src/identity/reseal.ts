import { record } from '../audit/index.ts'
import type { Db } from '../platform/db.ts'
import type { Identity } from './identity.ts'
import { personName } from './person.ts'
import { lockFactorsAfter, putSealedSecret } from './sql/second-factors.ts'
import { seal, unsealWithAny } from './token/seal.ts'

const AT_ONCE = 200

/**
 * Seals the secrets of all second factors anew under the newest key, so that an older one may go. In batches; started again it begins anew,
 * which changes nothing. Answers how many.
 */
export async function resealSecondFactors(db: Db, identity: Identity, actor: string): Promise<number> {
  let after = 0n
  let total = 0
  for (;;) {
    const ids = await db.tx(async (tx) => {
      const rows = await lockFactorsAfter(tx, after, AT_ONCE)
      for (const { person_id, sealed_secret } of rows) {
        const name = personName(person_id)
        const secret = unsealWithAny(identity.opening_keys, name, sealed_secret)
        await putSealedSecret(tx, person_id, seal(identity.sealing_key, name, secret))
      }
      return rows.map(({ person_id }) => person_id)
    })
    total += ids.length
    after = ids.at(-1) ?? after
    if (ids.length < AT_ONCE) break
  }
  await db.tx((tx) =>
    record(tx, { actor, action: 'second_factors.resealed', subject: 'identity', detail: { count: total } }),
  )
  return total
}
