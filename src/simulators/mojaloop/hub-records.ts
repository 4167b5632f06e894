export type TransferState = 'RESERVED' | 'COMMITTED' | 'ABORTED'

/** What many transfers have in common; kept once. */
export type Terms = {
  readonly party_type: string
  readonly currency: string
  /** Scenario (`magic.ts`), '' for the ordinary one. */
  readonly code: string
  /** Francs above the amount. */
  readonly fee: number
  /** Index in the list of payers, -1 when not known. */
  readonly payer: number
}

type Own = {
  readonly id: string
  readonly party: string
  /** Francs that the payee receives. */
  readonly amount: number
  /** The payer's own name of the transfer. */
  readonly home: string
  /** The quote's transaction when it is not the transfer's own id, else ''. */
  readonly transaction_id: string
}

/** An order to move money, as it reaches the hub. */
export type Prepare = Own & Terms

/** What the hub keeps of a transfer: small, because there may be a million. */
export type Transfer = Own & {
  readonly terms: Terms
  /** Milliseconds since 1970. */
  readonly at: number
  state: TransferState
  /** Milliseconds from then to its end; -1 while it has none. */
  took_ms: number
}

/** When a transfer ended (milliseconds since 1970), or 0 while it has not. */
export const doneAt = (transfer: Transfer): number =>
  transfer.took_ms < 0 ? 0 : transfer.at + transfer.took_ms

export const orderOfTransfer = ({ id, party, amount, home, transaction_id, terms }: Transfer): Prepare => ({
  id,
  party,
  amount,
  home,
  transaction_id,
  ...terms,
})

/** Money that came back after it had been paid. */
export type Refund = { readonly of: Transfer; readonly at: number }

export type LogLine =
  | ({
      readonly k: 'transfer'
      readonly at: number
      readonly state: TransferState
      readonly took_ms: number
    } & Prepare)
  | { readonly k: 'state'; readonly id: string; readonly state: TransferState; readonly at: number }
  | { readonly k: 'refund'; readonly id: string; readonly at: number }
  | { readonly k: 'payer'; readonly from: Readonly<Record<string, unknown>> }
  | { readonly k: 'model'; readonly id: string; readonly state: string; readonly data?: string }
  | { readonly k: 'clock'; readonly offset_ms: number }

const text = (value: string): string => (value === '' ? '""' : JSON.stringify(value))

/** The line of a transfer, written by hand because there are many. */
export const transferLine = (t: Transfer): string =>
  `{"k":"transfer","id":${text(t.id)},"party_type":"${t.terms.party_type}","party":${text(t.party)},"amount":${t.amount},"fee":${t.terms.fee},"currency":"${t.terms.currency}","code":"${t.terms.code}","home":${text(t.home)},"payer":${t.terms.payer},"transaction_id":${text(t.transaction_id)},"at":${t.at},"state":"${t.state}","took_ms":${t.took_ms}}`

export const otherLine = (line: Exclude<LogLine, { readonly k: 'transfer' }>): string => JSON.stringify(line)

/** Makes records of orders, all with the same terms sharing one object. */
export function openRecords(): (
  order: Prepare,
  at: number,
  state: TransferState,
  took_ms: number,
) => Transfer {
  const kept = new Map<string, Terms>()
  let last: Terms | undefined
  const termsOf = ({ party_type, currency, code, fee, payer }: Prepare): Terms => {
    if (
      last !== undefined &&
      last.payer === payer &&
      last.code === code &&
      last.fee === fee &&
      last.currency === currency &&
      last.party_type === party_type
    )
      return last
    const key = `${party_type} ${currency} ${code} ${fee} ${payer}`
    last = kept.get(key) ?? { party_type, currency, code, fee, payer }
    kept.set(key, last)
    return last
  }
  return (order, at, state, took_ms) => ({
    id: order.id,
    party: order.party,
    amount: order.amount,
    home: order.home,
    transaction_id: order.transaction_id,
    terms: termsOf(order),
    at,
    state,
    took_ms,
  })
}
