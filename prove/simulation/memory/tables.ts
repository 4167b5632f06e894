import type { Currency } from '../../../src/platform/money.ts'
import type { PartyType } from '../../../src/platform/party.ts'

/** The columns of migrations/0006_payments.sql that anything depends on; times are the database's milliseconds. */
export type ConnectionRow = {
  id: string
  worker: string | null
  token: bigint
  lease_until: number | null
  state: 'RUNNING' | 'STOPPED'
  stopped_because: string | null
  mode: string | null
  needs_operator: boolean
}

export type BatchRow = {
  id: bigint
  connection_id: string
  account_id: bigint
  hold_account_id: bigint
  purpose: string
  secret: Buffer
  currency: Currency
  fee_cap: bigint
  total: number
  total_amount: bigint
  next_seq: number
  open: boolean
  cancelled_from: number | null
  paused: boolean
  pause_reason: string | null
  awaits_approval: boolean
  completed: number
  failed: number
  cancelled: number
  uncertain: number
  completed_amount: bigint
  fees: bigint
  version: bigint
  finished_at: number | null
  lines: LineRow[]
}

export type LineState = 'NEW' | 'RETRY' | 'UNCERTAIN' | 'REVIEW' | 'PAID' | 'FAILED' | 'CANCELLED'

export type LineRow = {
  batch_id: bigint
  seq: number
  account_id: bigint | null
  transfer_id: string
  amount: bigint
  fee: bigint
  attempt: number
  state: LineState
  party_type: PartyType
  party_identifier: string
  payee_name: string | null
  error_code: string | null
  error_message: string | null
  fulfilment: string | null
  completed_at: number | null
  /** The transaction that wrote this row last: PostgreSQL's xmin. */
  xmin: number
}

export type RangeRow = {
  id: bigint
  batch_id: bigint
  from_seq: number
  to_seq: number
  connection_id: string
  token: bigint
  state: 'OPEN' | 'FREED' | 'DONE'
  mode: string | null
}

export type PursuitRow = {
  id: bigint
  batch_id: bigint
  seq: number
  connection_id: string
  attempt: number
  state: 'QUOTED' | 'RETRY' | 'SENDING' | 'UNCERTAIN' | 'REVIEW'
  token: bigint
  rail_reference: string
  next_at: number | null
  tries: number
  not_found: number
  resent: number
  refused_as: string | null
  because: string | null
  hinted_at: number | null
  sent_at: number
  since: number
}

export type AccountRow = {
  id: bigint
  ledger_account_id: bigint
  party_id_type: PartyType
  party_identifier: string
}

export type LedgerAccount = {
  id: bigint
  code: string
  currency: Currency
  floor: 'ZERO' | 'NONE'
  balance: bigint
}

export type LedgerLine = {
  readonly account: bigint
  readonly amount: bigint
  readonly batch_id?: bigint
  readonly seq?: number
}

export type ReviewRow = {
  outcome: 'PAID' | 'REFUSED'
  evidence_name: string
  proposed_by: string
  confirmed_by: string | null
}

export type FeeQuestionRow = {
  attempt: number
  amount: bigint
  borne_by: 'PAYER' | 'HOUSE' | null
  proposed_by: string | null
  confirmed_by: string | null
}

/** Everything that is stored. Changes go through `patch`, `put` and `drop`, so that a transaction can be undone. */
export type Tables = {
  readonly connections: Map<string, ConnectionRow>
  readonly batches: Map<bigint, BatchRow>
  readonly ranges: Map<bigint, RangeRow>
  /** By `lineKey`. */
  readonly pursuits: Map<string, PursuitRow>
  readonly accounts: Map<bigint, AccountRow>
  readonly ledger: Map<bigint, LedgerAccount>
  readonly ledger_ids: Map<string, bigint>
  readonly entries: Map<
    string,
    { readonly kind: string; readonly digest: string; readonly lines: readonly LedgerLine[] }
  >
  /** By `lineKey` and attempt. */
  readonly reviews: Map<string, ReviewRow>
  readonly fee_questions: Map<string, FeeQuestionRow>
  readonly evidence: { readonly key: string; readonly attempt: number; readonly what: string }[]
  readonly acts: string[]
  /** The number of the transaction that runs. */
  xid: number
  last_id: bigint
  /** How to undo what the transaction that runs has changed, the last change first. */
  undo: (() => void)[]
}

export const openTables = (): Tables => ({
  connections: new Map(),
  batches: new Map(),
  ranges: new Map(),
  pursuits: new Map(),
  accounts: new Map(),
  ledger: new Map(),
  ledger_ids: new Map(),
  entries: new Map(),
  reviews: new Map(),
  fee_questions: new Map(),
  evidence: [],
  acts: [],
  xid: 1,
  last_id: 0n,
  undo: [],
})

export const lineKey = (batch_id: bigint, seq: number): string => `${batch_id}:${seq}`

export const lineOf = (tables: Tables, batch_id: bigint, seq: number): LineRow | undefined =>
  tables.batches.get(batch_id)?.lines[seq - 1]

export const pursuitOfId = (tables: Tables, id: bigint): PursuitRow | undefined =>
  [...tables.pursuits.values()].find((p) => p.id === id)

/** The line that a pursuit follows, and its batch. */
export function followedBy(tables: Tables, pursuit: PursuitRow): { batch: BatchRow; line: LineRow } {
  const batch = tables.batches.get(pursuit.batch_id)
  const line = batch?.lines[pursuit.seq - 1]
  if (batch === undefined || line === undefined) throw new Error(`pursuit ${pursuit.id} has no line`)
  return { batch, line }
}

/** Sequences do not go back when a transaction does. */
export const nextId = (tables: Tables): bigint => ++tables.last_id

/** Changes columns of a row. */
export function patch<T extends object>(tables: Tables, row: T, change: Partial<T>): void {
  const before: Partial<T> = {}
  for (const key in change) before[key] = row[key]
  Object.assign(row, change)
  tables.undo.push(() => Object.assign(row, before))
}

/** Inserts a row, or replaces it. */
export function put<K, V>(tables: Tables, map: Map<K, V>, key: K, value: V): void {
  const before = map.get(key)
  map.set(key, value)
  tables.undo.push(() => (before === undefined ? map.delete(key) : map.set(key, before)))
}

export function drop<K, V>(tables: Tables, map: Map<K, V>, key: K): void {
  const before = map.get(key)
  if (before === undefined || !map.delete(key)) return
  tables.undo.push(() => map.set(key, before))
}

/** Appends to an append-only table. */
export function append<T>(tables: Tables, list: T[], item: T): void {
  list.push(item)
  tables.undo.push(() => list.pop())
}

/** Ends the transaction that runs: keeps its changes, or undoes them. */
export function endTransaction(tables: Tables, commits: boolean): void {
  if (!commits) for (let i = tables.undo.length - 1; i >= 0; i--) tables.undo[i]?.()
  tables.undo = []
  tables.xid += 1
}
