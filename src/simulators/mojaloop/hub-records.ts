export type TransferState = 'RESERVED' | 'COMMITTED' | 'ABORTED'

/** What the hub keeps of a transfer: small, because there may be a million. Times are milliseconds since 1970. */
export type Transfer = {
  readonly id: string
  readonly party_type: string
  readonly party: string
  /** Francs that the payee receives. */
  readonly amount: number
  readonly fee: number
  readonly currency: string
  /** Scenario (`magic.ts`), '' for the ordinary one. */
  readonly code: string
  /** The payer's own name of the transfer. */
  readonly home: string
  /** Index in the list of payers, -1 when not known. */
  readonly payer: number
  /** The quote's transaction when it is not the transfer's own id, else ''. */
  readonly transaction_id: string
  readonly at: number
  state: TransferState
  done_at: number
}

/** Money that came back after it had been paid. */
export type Refund = { readonly of: Transfer; readonly at: number }

export type LogLine =
  | ({ readonly k: 'transfer' } & Transfer)
  | { readonly k: 'state'; readonly id: string; readonly state: TransferState; readonly at: number }
  | { readonly k: 'refund'; readonly id: string; readonly at: number }
  | { readonly k: 'payer'; readonly from: Readonly<Record<string, unknown>> }
  | { readonly k: 'model'; readonly id: string; readonly state: string; readonly data?: string }
  | { readonly k: 'clock'; readonly offset_ms: number }

/** The line of a transfer, written by hand because there are many. */
export const transferLine = (t: Transfer): string =>
  `{"k":"transfer","id":${JSON.stringify(t.id)},"party_type":"${t.party_type}","party":${JSON.stringify(t.party)},"amount":${t.amount},"fee":${t.fee},"currency":"${t.currency}","code":"${t.code}","home":${JSON.stringify(t.home)},"payer":${t.payer},"transaction_id":${t.transaction_id === '' ? '""' : JSON.stringify(t.transaction_id)},"at":${t.at},"state":"${t.state}","done_at":${t.done_at}}`

export const otherLine = (line: Exclude<LogLine, { readonly k: 'transfer' }>): string => JSON.stringify(line)

/** A fresh record from a line, without the line's own key (and with strings of its own, not slices of the file). */
export const recordOf = (line: Transfer, known: (text: string) => string): Transfer => ({
  id: line.id,
  party_type: known(line.party_type),
  party: line.party,
  amount: line.amount,
  fee: line.fee,
  currency: known(line.currency),
  code: known(line.code),
  home: line.home,
  payer: line.payer,
  transaction_id: line.transaction_id,
  at: line.at,
  state: line.state,
  done_at: line.done_at,
})
