import { record } from '../audit/index.ts'
import type { Db, Tx } from '../platform/db.ts'
import type { Identity, SealingKeys } from './identity.ts'
import { personName } from './person.ts'
import * as q from './sql/second-factors.ts'
import { resealKeys, rotateSigningKey } from './token/keys.ts'
import { seal, unsealWith } from './token/seal.ts'

/** How many were sealed again, and how many none of the keys opens. */
export type Resealed = { readonly resealed: number; readonly unreadable: number }
export type Rotated = {
  readonly kid: string
  readonly signing_keys: Resealed
  readonly second_factors: Resealed
}

const PAGE = 500

/**
 * Makes a new key for access tokens, and seals under the first key of FIELD_ENCRYPTION_KEY whatever another one of them sealed. Until it
 * has ended both are needed; afterwards the others may go. Safe to stop and to run again. Tokens that are out stay valid.
 */
export async function rotateKeys(db: Db, identity: Identity, actor: string): Promise<Rotated> {
  const kid = await db.tx((tx) => rotateSigningKey(tx, actor, identity))
  const signing_keys = await db.tx((tx) => resealKeys(tx, identity.sealing_keys))
  let second_factors: Resealed = { resealed: 0, unreadable: 0 }
  for (let after = 0n; ;) {
    const page = await db.tx((tx) => resealFactors(tx, identity.sealing_keys, after))
    second_factors = {
      resealed: second_factors.resealed + page.resealed,
      unreadable: second_factors.unreadable + page.unreadable,
    }
    if (page.last === undefined) break
    after = page.last
  }
  const detail = { signing_keys: { ...signing_keys }, second_factors: { ...second_factors } }
  await db.tx((tx) => record(tx, { actor, action: 'keys.resealed', subject: 'keys', detail }))
  return { kid, signing_keys, second_factors }
}

async function resealFactors(
  tx: Tx,
  keys: SealingKeys,
  after: bigint,
): Promise<Resealed & { readonly last: bigint | undefined }> {
  const rows = await q.lockFactorsAfter(tx, after, PAGE)
  let [resealed, unreadable] = [0, 0]
  for (const { person_id, sealed_secret } of rows) {
    const found = openedBy(keys, personName(person_id), sealed_secret)
    if (found === undefined) unreadable += 1
    else if (found.is_old) {
      await q.resealFactor(tx, person_id, seal(keys[0], personName(person_id), found.secret))
      resealed += 1
    }
  }
  return { resealed, unreadable, last: rows.length < PAGE ? undefined : rows.at(-1)?.person_id }
}

function openedBy(
  [first, ...others]: SealingKeys,
  bound: string,
  sealed: Buffer,
): { readonly secret: Buffer; readonly is_old: boolean } | undefined {
  for (const [keys, is_old] of [[[first], false] as const, [others, true] as const])
    try {
      return { secret: unsealWith(keys, bound, sealed), is_old }
    } catch {
      // None of these: what no key opens is counted, and its person must set another one up.
    }
  return undefined
}
