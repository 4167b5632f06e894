import { createHmac } from 'node:crypto'
import { deriveKey, type KeyRing } from '../platform/crypto/key-ring.ts'
import type { FileStore } from '../platform/files.ts'
import { openTurns, type Turns } from '../platform/turns.ts'

/** Every limit and duration is data; times are those of the sandbox's clock. */
export type KycRules = {
  readonly document_max_bytes: number
  /** So many uploads of one person in 24 hours. */
  readonly documents_per_day: number
  /** How long a proof is good at most; the document's own end comes first. */
  readonly verified_years: number
  /** A proof may be renewed so long before its end. */
  readonly renew_days: number
  /** What was never accepted is erased after so long. */
  readonly unverified_kept_days: number
  /** The documents of a verified person are kept so long after the last operation (CEMAC: ten years). */
  readonly verified_kept_years: number
}

export const KYC_RULES: KycRules = {
  document_max_bytes: 10 * 1_048_576,
  documents_per_day: 20,
  verified_years: 5,
  renew_days: 60,
  unverified_kept_days: 365,
  verified_kept_years: 10,
}

/** Each decoding may hold some 200 MB for a moment. */
const DECODINGS_AT_ONCE = 2

/** What the verbs of this module need besides the database: one per process. */
export type Kyc = {
  readonly ring: KeyRing
  readonly files: FileStore
  /** Where uploads wait, sealed. */
  readonly spool_folder: string
  /** Whether somebody checks identities for us; else people do. */
  readonly has_provider: boolean
  readonly rules: KycRules
  readonly decoding: Turns
  /** The person as the provider knows him: the same for each of his jobs, and nothing that can be counted or traced. */
  readonly providerUser: (person_id: bigint) => string
}

export type KycOptions = Pick<Kyc, 'ring' | 'files' | 'spool_folder' | 'has_provider'> & {
  /** SECRET_KEY: keys the names under which the provider knows people. */
  readonly secret_key: string
  readonly rules?: Partial<KycRules>
}

export function openKyc({ rules, secret_key, ...options }: KycOptions): Kyc {
  const names = deriveKey(secret_key, 'cauri kyc provider users')
  return {
    ...options,
    rules: { ...KYC_RULES, ...rules },
    decoding: openTurns(DECODINGS_AT_ONCE),
    providerUser: (person_id) =>
      `u-${createHmac('sha256', names).update(String(person_id)).digest('hex').slice(0, 32)}`,
  }
}
