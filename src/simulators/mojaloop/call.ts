import type { ErrorInformation, Scenario } from './magic.ts'

/** A party as the SDK's outbound API spells it. */
export type SdkParty = {
  readonly idType: string
  readonly idValue: string
  readonly type?: string
  readonly displayName?: string
  readonly fspId?: string
  readonly [more: string]: unknown
}

/** Body of POST /transfers, validated. */
export type TransferRequest = {
  readonly homeTransactionId: string
  readonly from: SdkParty
  readonly to: SdkParty
  readonly amountType: string
  readonly currency: string
  readonly amount: string
  readonly transactionType: string
  readonly note?: string
  readonly transferId?: string
  readonly skipPartyLookup?: boolean
  readonly [more: string]: unknown
}

/** How far the SDK's model of one transfer has come; each stage adds a section to its answer. */
export type Stage = 'start' | 'asked-party' | 'party' | 'asked-quote' | 'quoted' | 'prepared' | 'fulfilled'

/** What the SDK remembers of one transfer while it works on it. */
export type Call = {
  readonly id: string
  readonly request: TransferRequest
  readonly scenario: Scenario
  readonly code: string
  readonly started_at: number
  readonly trace_id: string
  readonly quote_id: string
  /** Made again from the hub's record: what only the first answer knew (ids of messages, headers) is left out. */
  readonly rebuilt?: true
  stage: Stage
  /** What the party look-up answered when it was a refusal. */
  party_error?: ErrorInformation
  packet: string
  fulfilment: string
  condition: string
  fulfil?: { readonly at: number; readonly state: string; readonly fulfilment?: string }
}

/** Francs that the payee gets, and above them the fee. */
export const receives = (call: Call): number => Number(call.request.amount) + (call.scenario.overpaid ?? 0)
export const costs = (call: Call): number => receives(call) + (call.scenario.fee ?? 0)

/** False when the caller named the payee's institution itself and asked for no look-up. */
export const looksUp = (call: Call): boolean =>
  call.request.skipPartyLookup !== true || call.request.to.fspId === undefined
