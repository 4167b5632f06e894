import type { Reader } from '../platform/db.ts'
import * as q from './sql.ts'

export type Breach = { readonly invariant: string; readonly found: string }

/** Runs the ledger's own invariants over everything it holds. An empty answer means that every franc is explained. */
export async function checkLedger(db: Reader): Promise<Breach[]> {
  const breaches: Breach[] = []
  const note = (invariant: string, rows: readonly object[]): void => {
    for (const row of rows) breaches.push({ invariant, found: Object.values(row).map(String).join(' ') })
  }
  note('the lines of each currency sum to zero', await q.selectUnbalancedCurrencies(db))
  note('the lines of each entry sum to zero', await q.selectUnbalancedEntries(db))
  note('each balance is the sum of its lines', await q.selectWrongBalances(db))
  note('each entry has its lines and each line its entry', await q.selectWrongLegs(db))
  note('no liability is below zero', await q.selectBelowFloor(db))
  return breaches
}
