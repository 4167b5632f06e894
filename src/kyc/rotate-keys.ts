import { record } from '../audit/index.ts'
import { rewrap, type WrappedKey } from '../platform/crypto/envelope.ts'
import type { KeyRing } from '../platform/crypto/key-ring.ts'
import type { Db, Tx } from '../platform/db.ts'
import { foundPlace } from './found.ts'
import * as q from './sql/keys.ts'
import { placeOf } from './store-document.ts'

export type Rotated = {
  readonly key_version: string
  readonly documents: number
  readonly found: number
}

const AT_ONCE = 200

/**
 * Wraps every data key anew under the newest key of the ring; the sealed bytes stay as they are. In batches, each in its own transaction, so
 * that it may be stopped and started again; who reads meanwhile opens what he read with the key that it names. When it has ended, no row
 * names an older key, and that key may be taken out of FIELD_ENCRYPTION_KEY.
 */
export async function rotateKeys(db: Db, ring: KeyRing, actor: string): Promise<Rotated> {
  const key_version = ring.newest.id
  const documents = await inBatches(db, (tx) =>
    rewrapBatch({
      rows: () => q.lockOldDocumentKeys(tx, key_version, AT_ONCE),
      anew: (id, key) => rewrap(ring, placeOf(id), key),
      put: (id, key) => q.putDocumentKey(tx, id, key),
    }),
  )
  const found = await inBatches(db, (tx) =>
    rewrapBatch({
      rows: () => q.lockOldFoundKeys(tx, key_version, AT_ONCE),
      anew: (id, key) => rewrap(ring, foundPlace(id), key),
      put: (id, key) => q.putFoundKey(tx, id, key),
    }),
  )
  const detail = { key_version, documents, found }
  await db.tx((tx) =>
    record(tx, { actor, action: 'kyc.keys.rotated', subject: `key:${key_version}`, detail }),
  )
  return { key_version, documents, found }
}

async function inBatches(db: Db, batch: (tx: Tx) => Promise<number>): Promise<number> {
  let total = 0
  for (;;) {
    const count = await db.tx(batch)
    total += count
    if (count < AT_ONCE) return total
  }
}

type Batch = {
  readonly rows: () => Promise<(WrappedKey & { readonly id: string })[]>
  readonly anew: (id: string, key: WrappedKey) => WrappedKey
  readonly put: (id: string, key: WrappedKey) => Promise<number>
}

async function rewrapBatch({ rows, anew, put }: Batch): Promise<number> {
  const old = await rows()
  for (const { id, key_version, wrapped_key } of old) await put(id, anew(id, { key_version, wrapped_key }))
  return old.length
}
