import type { Reader, Tx } from '../platform/db.ts'
import type { Currency } from '../platform/money.ts'
import * as q from './sql.ts'

/** The system accounts of each currency. A rail has its float, its money of unknown origin and its losses. */
export type SystemCode =
  | `float:${string}`
  | `unallocated:${string}`
  | `loss:${string}`
  | `tax:${string}`
  | 'fees:income'
  | 'fees:provider'
  | 'unclaimed'
  | 'opening'

/** Opens a liability account: money that we owe, never below zero. Answers its id; the code must be new. */
export const openAccount = (tx: Tx, code: string, currency: Currency): Promise<bigint> =>
  q.insertAccount(tx, code, currency, 'LIABILITY', 'ZERO')

/** The id of a system account, made at its first use. System accounts have no floor. */
export async function systemAccount(tx: Tx, code: SystemCode, currency: Currency): Promise<bigint> {
  return (await q.findAccount(tx, code, currency)) ?? (await q.ensureSystemAccount(tx, code, currency))
}

/** Balances by account id, in minor units. An unknown id is missing from the answer. */
export async function balancesOf(
  db: Reader,
  accounts: readonly bigint[],
): Promise<ReadonlyMap<bigint, bigint>> {
  const rows = await q.selectBalances(db, accounts)
  return new Map(rows.map((row) => [row.id, row.balance]))
}
