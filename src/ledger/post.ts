import { brokenConstraint, type Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import type { Entry } from './entry.ts'
import * as q from './sql.ts'

/**
 * Posts one entry or ten thousand in one round trip: one balance update per account per call. Answers the reasons
 * that were posted now; a reason that is already there with the same lines is left out (it moves money once).
 * Refuses LEDGER_REASON_REUSED for other lines and LEDGER_INSUFFICIENT_FUNDS when an account with floor ZERO would
 * go below it. Lines that do not sum to zero are a bug and throw.
 */
export async function post(tx: Tx, entries: readonly Entry[]): Promise<ReadonlySet<string>> {
  if (entries.length === 0) return new Set()
  for (const entry of entries) assertWhole(entry)
  try {
    return new Set((await q.postEntries(tx, entries)).map((row) => row.reason))
  } catch (error) {
    if (brokenConstraint(error) === 'ledger_accounts_floor') throw new Refusal('LEDGER_INSUFFICIENT_FUNDS')
    if (brokenConstraint(error) === 'ledger_reason_reused') throw new Refusal('LEDGER_REASON_REUSED')
    throw error
  }
}

function assertWhole({ reason, lines }: Entry): void {
  if (lines.length < 2) throw new Error(`entry ${reason} has fewer than two lines`)
}
