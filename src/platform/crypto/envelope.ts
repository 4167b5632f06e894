import { randomBytes } from 'node:crypto'
import { seal, unseal } from './aes.ts'
import { deriveKey, type KeyRing, type RingKey } from './key-ring.ts'

/** Where a sealed value belongs: its table, its column and its row. In another place it does not open. */
export type Place = { readonly table: string; readonly column: string; readonly row: string }

/** A data key of one value, sealed under a key of the ring. Without it the value is noise: to drop it is to erase the value. */
export type WrappedKey = { readonly key_version: string; readonly wrapped_key: Buffer }
export type Sealed = WrappedKey & { readonly bytes: Buffer }

const USE = 'cauri envelope data keys'
const DATA_KEY_BYTES = 32

/** Length first, so that no two places are written alike. */
const bound = (...parts: readonly string[]): string =>
  parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join('|')

/** The value is bound to its place; the data key besides to the version that wraps it, which a rotation changes. */
const ofValue = ({ table, column, row }: Place): string => bound('value', table, column, row)
const ofKey = ({ table, column, row }: Place, version: string): string =>
  bound('key', table, column, row, version)

const wrap = (ring_key: RingKey, place: Place, data_key: Buffer): WrappedKey => ({
  key_version: ring_key.id,
  wrapped_key: seal(deriveKey(ring_key.secret, USE), ofKey(place, ring_key.id), data_key),
})

function unwrap(ring: KeyRing, place: Place, { key_version, wrapped_key }: WrappedKey): Buffer {
  const ring_key = ring.find(key_version)
  if (ring_key === undefined)
    throw new Error(`the key ${key_version} of FIELD_ENCRYPTION_KEY is missing: ${place.table} needs it`)
  return unseal(deriveKey(ring_key.secret, USE), ofKey(place, key_version), wrapped_key)
}

/** Seals a value under a data key of its own (AES-256-GCM), and that key under the newest of the ring. */
export function sealEnvelope(ring: KeyRing, place: Place, bytes: Buffer): Sealed {
  const data_key = randomBytes(DATA_KEY_BYTES)
  return { ...wrap(ring.newest, place, data_key), bytes: seal(data_key, ofValue(place), bytes) }
}

/** Throws when the value or its key was altered or belongs elsewhere, or when the ring has no key of that version. */
export const openEnvelope = (ring: KeyRing, place: Place, sealed: Sealed): Buffer =>
  unseal(unwrap(ring, place, sealed), ofValue(place), sealed.bytes)

/** The same data key under the newest of the ring: the value itself stays as it is. */
export const rewrap = (ring: KeyRing, place: Place, key: WrappedKey): WrappedKey =>
  wrap(ring.newest, place, unwrap(ring, place, key))
