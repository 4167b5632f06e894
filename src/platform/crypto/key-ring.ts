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

/**
 * Reads `id:secret,id:secret`, or one bare secret, which is the key 1. Ids are numbers, so that a secret with a colon in it
 * is taken for what it is. Throws a sentence when ids repeat, or when some parts are entries and some are not.
 */
export function readKeyRing(text: string): KeyRing {
  const parts = text.split(',').map((part) => ENTRY.exec(part.trim()))
  const entries = parts.filter((entry) => entry !== null)
  if (entries.length > 0 && entries.length < parts.length)
    throw new Error('every key of the list is written id:secret, the secret of 32 characters or more')
  const all =
    entries.length === 0
      ? [{ id: '1', secret: text }]
      : entries.map(([, id = '', secret = '']) => ({ id, secret }))
  const [newest] = all
  if (newest === undefined) throw new Error('there is no key')
  if (new Set(all.map(({ id }) => id)).size < all.length) throw new Error('two keys have the same id')
  return { newest, all, find: (id) => all.find((key) => key.id === id) }
}

/** A key for one use, of a secret of any length (HKDF-SHA256, RFC 5869); `use` names it and keeps it apart from others. */
export const deriveKey = (secret: string | Buffer, use: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, '', use, 32))
