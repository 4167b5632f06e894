import type { PurposeHandler } from '../payments/index.ts'
import type { Db } from '../platform/db.ts'
import type { Language } from '../platform/http/language.ts'
import type { Pressure } from '../platform/pressure.ts'
import type { Watch } from '../platform/watch.ts'
import type { FileLimits, FileWarning } from './file/read-rows.ts'
import type { ProgressView } from './routes/schemas.ts'
import type { SameList } from './same-list.ts'

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
  /** Whether this process has its hands full with paying. */
  readonly pressure: Pick<Pressure, 'isHigh'>
  /** New work is there: the worker may look now. */
  readonly wake: () => void
}

export type Progress = {
  readonly progress: ProgressView
  readonly version: string
  readonly final: boolean
}

/** Who acts, for the trail and for what he may see. */
export type Maker = {
  readonly organization_id: bigint
  readonly name: string
  /** The member, or the people who know the key's secret: none of them approves what is made. */
  readonly people?: readonly bigint[]
}

/** A file that is spooled, and what the form said besides. */
export type Upload = {
  readonly path: string
  readonly sha256: Buffer
  readonly file_name: string | null
  readonly payer_account: string | undefined
  readonly callback: { readonly url: string; readonly wanted: boolean } | undefined
  readonly allow_duplicate: boolean
}

export type CreateDeps = {
  readonly db: Db
  readonly limits: FileLimits
  /** The connection that pays, and the fee that it may cost per line, in minor units. */
  readonly connection: { readonly id: string; readonly fee_cap: bigint }
  readonly same_list_days: number
  readonly same_list_warning_days: number
  readonly language: Language
}

/** What is worth a look and refuses nothing. */
export type Warning = FileWarning | SameList['warning']
