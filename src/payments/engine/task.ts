import type { Order } from '../../connectors/index.ts'
import type { DueRow, OrderRow } from '../sql/drive.ts'
import type { BatchInfo } from '../sql/engine.ts'
import { referenceOf } from './reference.ts'

/** A claimed range that this worker works on. It is finished when nothing is pending. */
export type LiveRange = { ids: readonly bigint[]; readonly batch_id: bigint; readonly pending: Set<number> }

/** One thing to ask of the rail: pay this line (again), or find out about it. */
export type Task = {
  readonly kind: 'pay' | 'find'
  readonly row: OrderRow
  readonly order: Order
  readonly rail_reference: string
  /** The lease under which it was claimed; under another one it is not ours to send. */
  readonly token: bigint
  readonly range?: LiveRange
  readonly due?: DueRow
  /** True when this attempt was sent before. */
  readonly resent: boolean
  /** How often in a row it could not even leave. */
  readonly unsent?: number
}

/** The order of a line, made only of what is committed: the same after a crash. */
export function orderOf(row: OrderRow, batch: BatchInfo): Order {
  return {
    reference: referenceOf(batch.secret, row.seq, row.attempt),
    home_reference: row.transfer_id,
    amount: row.amount,
    currency: batch.currency,
    payee: {
      type: row.party_type,
      identifier: row.party_identifier,
      ...(row.payee_name === null ? {} : { name: row.payee_name }),
    },
    payer: { type: batch.payer_type, identifier: batch.payer_identifier },
    fee_cap: batch.fee_cap,
  }
}

/**
 * Questions move no money and may run beside anything; payments run one at a time per payee. Two parties of different
 * types that share an identifier wait for each other without need: no new text is made for each payment.
 */
export const payeeOf = (task: Task): string =>
  task.kind === 'find' ? `find:${task.row.batch_id}:${task.row.seq}` : task.row.party_identifier
