import type { Config } from './config.ts'
import type { Db } from './db.ts'
import type { Log } from './log.ts'

/** What every use case needs: the store, the log, the settings. Passed first, never hidden. */
export type Ctx = { readonly db: Db; readonly log: Log; readonly config: Config }

/**
 * Who asks. An organisation by its API key (or the sandbox's demo organisation), a person by an access token, or nobody
 * in particular.
 */
export type Actor =
  | { readonly kind: 'organization'; readonly organization_id: bigint; readonly name: string }
  | {
      readonly kind: 'person'
      readonly person_id: bigint
      readonly session_id: string
      readonly roles: readonly string[]
    }
  | { readonly kind: 'anonymous' }
