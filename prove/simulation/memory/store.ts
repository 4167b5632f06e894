import type { Act } from '../../../src/audit/index.ts'
import type { PaymentStore } from '../../../src/payments/engine/ports.ts'
import type { Outcome } from '../../../src/payments/engine/outcome.ts'
import type { BatchInfo } from '../../../src/payments/sql/engine.ts'
import { leaseStatements } from './lease.ts'
import { openLedger } from './ledger.ts'
import { peopleStatements } from './people.ts'
import { pursuitStatements } from './pursuits.ts'
import { rangeStatements } from './ranges.ts'
import { settleLines } from './settle.ts'
import type { Statements } from './statements.ts'
import { append, lineKey, type Tables } from './tables.ts'

/** Something that runs statements: a transaction that is open, or a database that makes one for each statement. */
export type Handle = { readonly run: <T>(statement: () => T) => Promise<T> }

/** All statements over tables in memory. `now` is the database's clock, in milliseconds. */
export const openStatements = (tables: Tables, now: () => number): Statements => ({
  ...leaseStatements(tables, now),
  ...rangeStatements(tables, now),
  ...pursuitStatements(tables, now),
  ...peopleStatements(tables, now),
  ...openLedger(tables),
  settleLines: (connection: string, token: bigint, set: readonly Outcome[], by_people: boolean) =>
    settleLines(tables, now(), connection, token, set, by_people),
  selectBatchInfo: (ids: readonly bigint[]) => ids.flatMap((id) => batchInfo(tables, id) ?? []),
  insertEvidence(set) {
    for (const { batch_id, seq, attempt, what } of set)
      append(tables, tables.evidence, { key: lineKey(batch_id, seq), attempt, what })
    return set.length
  },
  notifyProgress: (batches: readonly bigint[]) => batches.length,
  record: (act: Act) => append(tables, tables.acts, act.action),
})

/** The store's port over these statements. Handles are ours: the engine only passes them on. */
export function openMemoryStore(statements: Statements): PaymentStore {
  const entries = Object.entries(statements).map(([name, statement]) => {
    const call = statement as (...args: unknown[]) => unknown
    return [name, (handle: Handle, ...args: unknown[]) => handle.run(() => call(...args))]
  })
  return Object.fromEntries(entries) as PaymentStore
}

function batchInfo(tables: Tables, id: bigint): BatchInfo | undefined {
  const batch = tables.batches.get(id)
  const account = batch && tables.accounts.get(batch.account_id)
  if (batch === undefined || account === undefined) return undefined
  return {
    id,
    connection_id: batch.connection_id,
    purpose: batch.purpose,
    currency: batch.currency,
    fee_cap: batch.fee_cap,
    secret: batch.secret,
    hold_account_id: batch.hold_account_id,
    payer_ledger_id: account.ledger_account_id,
    payer_type: account.party_id_type,
    payer_identifier: account.party_identifier,
  }
}
