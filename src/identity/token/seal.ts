export { deriveKey as keyFor } from '../../platform/crypto/key-ring.ts'
export { seal, unseal } from '../../platform/crypto/aes.ts'
