import { unseal } from '../../platform/crypto/aes.ts'

export { deriveKey as keyFor } from '../../platform/crypto/key-ring.ts'
export { seal, unseal } from '../../platform/crypto/aes.ts'

/** Opens what one of the keys sealed; throws when none did. */
export function unsealWithAny(keys: readonly Buffer[], bound: string, sealed: Buffer): Buffer {
  let trouble: unknown = new Error('there is no key')
  for (const key of keys) {
    try {
      return unseal(key, bound, sealed)
    } catch (error) {
      trouble = error // sealed under another of them, perhaps
    }
  }
  throw trouble
}
