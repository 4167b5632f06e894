import type { Invariant } from '../platform/invariant.ts'
import { lineInvariants } from './check/lines.ts'
import { moneyInvariants } from './check/money.ts'
import { ownerInvariants } from './check/owners.ts'
import { pursuitInvariants } from './check/pursuits.ts'
import { topUpInvariants } from './check/top-ups.ts'

/** The triggers that hold what payments promise, as `table.trigger`. */
export const paymentsGuards: readonly string[] = [
  'payments_evidence.payments_evidence_append_only',
  'payments_incoming.payments_incoming_no_truncate',
  'payments_incoming.payments_incoming_protected',
  'payments_top_ups.payments_top_ups_decided_once',
]

/**
 * The invariants of payments, over everything that is stored: counters are what the lines say, holds are what open
 * lines need, the ledger moved for a line exactly what its state says, and nothing is followed by nobody.
 */
export const paymentsInvariants: readonly Invariant[] = [
  ...moneyInvariants,
  ...lineInvariants,
  ...pursuitInvariants,
  ...ownerInvariants,
  ...topUpInvariants,
]
