import type { PurposeHandler } from '../payments/index.ts'
import type { Watch } from '../platform/watch.ts'
import type { ProgressView } from './routes/schemas.ts'

/** What the routes need besides their context; the app gives it once. */
export type BulkDeps = {
  /** The connection that pays, and the fee that it may cost per line, in minor units. */
  readonly connection: { readonly id: string; readonly fee_cap: bigint }
  readonly handlers: Readonly<Record<string, PurposeHandler>>
  /** Live states by batch id (`payments_batches`), one read however many streams. */
  readonly watch: Watch<Progress>
  /** Private folder for uploads. */
  readonly spool_folder: string
  /** The addresses under which Cauri itself is reached: a callback to one of them is not sent. */
  readonly own_origins: () => readonly string[]
  /** New work is there: the worker may look now. */
  readonly wake: () => void
}

export type Progress = {
  readonly progress: ProgressView
  readonly version: string
  readonly final: boolean
}
