import { hkdfSync } from 'node:crypto'

/** The secrets of FIELD_ENCRYPTION_KEY: the first one seals, all open. */
export type KeyRing = {
  readonly newest: RingKey
  readonly all: readonly RingKey[]
  readonly find: (id: string) => RingKey | undefined
}
export type RingKey = { readonly id: string; readonly secret: string }

/** `2:a secret of 32 characters or more`. */
const ENTRY = /^([1-9][0-9]{0,5}):(.{32,})$/s
/** Begins as a list does: then it is one, whatever follows, so that a list with a slip in it is never taken for a secret. */
const LIST = /^\s*[0-9]+:/

/**
 * Reads `id:secret,id:secret`, or one bare secret, which is the key 1. Ids are numbers. Throws a sentence when an entry of the list is none, or
 * when ids repeat.
 */
export function readKeyRing(text: string): KeyRing {
  const all = LIST.test(text) ? text.split(',').map(entryOf) : [{ id: '1', secret: text }]
  const [newest] = all
  if (newest === undefined) throw new Error('there is no key')
  if (new Set(all.map(({ id }) => id)).size < all.length) throw new Error('two keys have the same id')
  return { newest, all, find: (id) => all.find((key) => key.id === id) }
}

function entryOf(part: string): RingKey {
  const [, id, secret] = ENTRY.exec(part.trim()) ?? []
  if (id === undefined || secret === undefined)
    throw new Error('every key of the list is written id:secret, the secret of 32 characters or more')
  return { id, secret }
}

/** The keys of FIELD_ENCRYPTION_KEY; where there is none, SECRET_KEY as it stands is the key 1. */
export function keyRingOf(field_key: string | undefined, secret_key: string): KeyRing {
  if (field_key !== undefined) return readKeyRing(field_key)
  const newest = { id: '1', secret: secret_key }
  return { newest, all: [newest], find: (id) => (id === '1' ? newest : undefined) }
}

/** A key for one use, of a secret of any length (HKDF-SHA256, RFC 5869); `use` names it and keeps it apart from others. */
export const deriveKey = (secret: string | Buffer, use: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, '', use, 32))
