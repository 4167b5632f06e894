import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { record } from '../../audit/index.ts'
import type { Reader, Tx } from '../../platform/db.ts'
import { sha256 } from '../../platform/ids.ts'
import type { Identity, SealingKeys } from '../identity.ts'
import * as q from '../sql/keys.ts'
import { jwkOf, thumbprintOf, type Jwk, type KeyOf, type SigningKey } from './jws.ts'
import { seal, unsealWith } from './seal.ts'

/** Longer than any access token lives: a retired key verifies until nothing that it signed is left. */
const VERIFIES_LONGER_S = 3_600

/** What a row says of the key that it is sealed under: enough to know it again, nothing to find it by. */
const markOf = (sealing_key: Buffer): Buffer => sha256('mark', sealing_key).subarray(0, 8)

/** The key that signs now; made when there is none, or when none is left that this secret can unseal. */
export async function signingKey(tx: Tx, identity: Identity): Promise<SigningKey> {
  const marks = identity.sealing_keys.map(markOf)
  const found = await q.findSigningKey(tx, marks)
  if (found !== undefined) return unsealed(found, identity)
  await q.lockKeys(tx)
  const made = await q.findSigningKey(tx, marks)
  return made === undefined ? makeKey(tx, identity) : unsealed(made, identity)
}

/** Makes a new signing key and retires the others: their tokens stay valid to their end. Answers its `kid`. */
export async function rotateSigningKey(tx: Tx, actor: string, identity: Identity): Promise<string> {
  await q.lockKeys(tx)
  await q.retireKeys(tx, VERIFIES_LONGER_S)
  const { kid } = await makeKey(tx, identity)
  await record(tx, { actor, action: 'signing_key.rotated', subject: kid })
  return kid
}

async function makeKey(tx: Tx, { sealing_keys: [sealing_key], limits }: Identity): Promise<SigningKey> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const public_key = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
  const kid = await thumbprintOf(public_key)
  const secret = privateKey.export({ format: 'der', type: 'pkcs8' })
  await q.insertKey(tx, {
    kid,
    public_key,
    sealed_private_key: seal(sealing_key, kid, secret),
    sealed_under: markOf(sealing_key),
    signs_s: limits.key_signs_s,
    verifies_s: VERIFIES_LONGER_S,
  })
  return { kid, private_key: privateKey }
}

function unsealed({ kid, sealed_private_key }: q.KeyRow, { sealing_keys }: Identity): SigningKey {
  const key = unsealWith(sealing_keys, kid, sealed_private_key)
  return { kid, private_key: createPrivateKey({ key, format: 'der', type: 'pkcs8' }) }
}

/**
 * Seals again under the first key what another of the list has sealed. Answers how many, and how many none of them opens: these
 * sign nothing, and verify what they signed.
 */
export async function resealKeys(
  tx: Tx,
  keys: SealingKeys,
): Promise<{ readonly resealed: number; readonly unreadable: number }> {
  await q.lockKeys(tx)
  const [first] = keys
  const rows = await q.listSealedElse(tx, markOf(first))
  const marks = keys.map(markOf)
  let resealed = 0
  for (const { kid, sealed_private_key, sealed_under } of rows) {
    if (!marks.some((mark) => mark.equals(sealed_under))) continue
    const bytes = unsealWith(keys, kid, sealed_private_key)
    await q.resealKey(tx, kid, { sealed_private_key: seal(first, kid, bytes), sealed_under: markOf(first) })
    resealed += 1
  }
  return { resealed, unreadable: rows.length - resealed }
}

/**
 * The public key of that name while it verifies, and the database's time. Asked of the database each time: a key that is
 * gone is gone everywhere.
 */
export const verifyingKeys =
  (db: Reader): KeyOf =>
  async (kid) => {
    const row = await q.findVerifyingKey(db, kid)
    return row && { jwk: jwkOf(kid, row.public_key), now: row.now }
  }

/** The keys that verify, for others (RFC 7517 §5). */
export async function jwksOf(db: Reader): Promise<{ readonly keys: readonly Jwk[] }> {
  const rows = await q.listVerifyingKeys(db)
  return { keys: rows.map(({ kid, public_key }) => jwkOf(kid, public_key)) }
}
