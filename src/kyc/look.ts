import type { CheckVerdict, IdentityCheck } from '../connectors/identity-check.ts'
import type { Db } from '../platform/db.ts'
import type { Log } from '../platform/log.ts'
import type { CheckEvent } from './check-state.ts'
import type { Kyc } from './kyc.ts'

/** Pauses and deadlines around the provider, in seconds of the sandbox's clock. */
export type CheckRules = {
  /** Between questions; the last one repeats. */
  readonly query_delays_s: readonly number[]
  readonly not_found_after_s: number
  /** Before each new check where the provider failed; their number is the number of new checks. */
  readonly retry_delays_s: readonly number[]
  readonly review_after_s: number
  /** How long one look may take: nobody else looks meanwhile. */
  readonly claim_s: number
}

export type PursueDeps = {
  readonly db: Db
  readonly log: Log
  readonly kyc: Kyc
  /** Undefined where nobody checks identities: what waits then stays. */
  readonly provider: IdentityCheck | undefined
  readonly callback_url: string
  readonly policy_url: string
  readonly rules: CheckRules
}

/** What one look at a check brought. */
export type Look = {
  readonly event: CheckEvent
  readonly provider_job: string | null
  /** A word of ours or the provider's code, for the row. */
  readonly because: string
  /** It is about our account at the provider, not about the person. */
  readonly ours: boolean
  /** «Not found», after the provider's own delay. */
  readonly counts_as_not_found: boolean
  readonly verdict?: CheckVerdict
}
