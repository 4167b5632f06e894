import type { Config } from './config.ts'
import type { Db } from './db.ts'
import type { Log } from './log.ts'

/** What every use case needs: the store, the log, the settings. Passed first, never hidden. */
export type Ctx = { readonly db: Db; readonly log: Log; readonly config: Config }

/** Who asks. An organisation by its API key (or the sandbox's demo organisation), or nobody in particular. */
export type Actor =
  | { readonly kind: 'organization'; readonly organization_id: bigint; readonly name: string }
  | { readonly kind: 'anonymous' }
