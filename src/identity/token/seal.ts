import { unseal } from '../../platform/crypto/aes.ts'

export { deriveKey as keyFor } from '../../platform/crypto/key-ring.ts'
export { seal } from '../../platform/crypto/aes.ts'

/** By the first of the keys that opens it. Throws when none does: sealed under a key that is not there, or altered. */
export function unsealWith(keys: readonly Buffer[], bound: string | Buffer, sealed: Buffer): Buffer {
  for (const key of keys) {
    try {
      return unseal(key, bound, sealed)
    } catch {
      // Not this key. Where it was altered, no key opens it, and the sentence below tells.
    }
  }
  throw new Error('this was sealed under a key that FIELD_ENCRYPTION_KEY does not hold, or was altered')
}
