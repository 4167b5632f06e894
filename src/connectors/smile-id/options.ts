import type { Outbound } from '../../platform/outbound.ts'
import type { Credentials } from './signature.ts'

export type SmileIdOptions = Credentials & {
  /** https://api.smileidentity.com, or what stands for it; it may have a path. */
  readonly url: string
  /** For each call; handing a job over takes two. */
  readonly timeout_ms: number
  readonly outbound: Outbound
}
