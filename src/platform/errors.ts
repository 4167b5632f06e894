import { edge } from './refusals/edge.ts'
import { kyc } from './refusals/kyc.ts'
import { money } from './refusals/money.ts'
import { operators } from './refusals/operators.ts'
import { people } from './refusals/people.ts'
import type { RefusalText } from './refusals/text.ts'

/**
 * Every refusal that Cauri can give: its HTTP status, and its title in English and French. The one table, by what it is about
 * in `refusals/`; `docs/reference/errors.md` is generated from it. A detail sentence may follow the title, with the offending
 * values.
 */
export const refusals = {
  ...edge,
  ...money,
  ...people,
  ...kyc,
  ...operators,
} as const satisfies Record<string, RefusalText>

export type RefusalCode = keyof typeof refusals

/** One fault among several: where it is (a JSON pointer, or a line and column of a file) and what is wrong. */
export type Fault = {
  readonly pointer: string
  readonly detail: string
  readonly line?: number
  readonly column?: string
  readonly code?: string
}

export type RefusalDetail = {
  /** A sentence in each language, for the `detail` of the problem document. */
  readonly detail?: { readonly en: string; readonly fr: string }
  readonly errors?: readonly Fault[]
  /** Extension members of the problem document (RFC 9457 §3.2), such as `available` and `needed`. */
  readonly members?: Readonly<Record<string, unknown>>
  /** Seconds for the `Retry-After` header. */
  readonly retry_after_s?: number
}

/** The caller asked for something that we decline. Throwing it rolls the transaction back. */
export class Refusal extends Error {
  readonly code: RefusalCode
  readonly more: RefusalDetail
  constructor(code: RefusalCode, more: RefusalDetail = {}) {
    super(more.detail?.en ?? refusals[code].en)
    this.name = 'Refusal'
    this.code = code
    this.more = more
  }
}

/** For the `default` of a switch over a closed set: a new member becomes a compile error here. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`)
}
