import { sha256 } from '../platform/ids.ts'

/** One leg: + puts money into the account, − takes it out. The payment fields say which order it belongs to. */
export type Line = {
  readonly account: bigint
  readonly amount: bigint
  readonly batch_id?: bigint
  readonly seq?: number
  readonly attempt?: number
}

/** One business fact. `reason` names it for ever: `payouts.paid:…`. The lines sum to zero in each currency. */
export type Entry = { readonly reason: string; readonly kind: string; readonly lines: readonly Line[] }

/** The sha256 of the sorted lines: what makes «the same fact again» recognisable. */
export function digestOf(lines: readonly Line[]): Buffer {
  const texts = lines.map(
    (l) => `${l.account}:${l.amount}:${l.batch_id ?? ''}:${l.seq ?? ''}:${l.attempt ?? ''}`,
  )
  return sha256(texts.sort().join('\n'))
}
