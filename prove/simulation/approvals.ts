import type { Statements } from './memory/statements.ts'
import { lineKey, lineOf, pursuitOfId, put, type Tables } from './memory/tables.ts'
import type { World } from './plan.ts'

/**
 * Holds every order that leaves against what was committed before: one commit lets one order leave (a claim, a new
 * attempt, a resend, or a quote where the rail makes the reference), and after a cancel nothing is tried or sent again.
 */
export type Approvals = {
  readonly statements: Statements
  /** An order leaves now: what is wrong with that, or undefined. */
  readonly leaves: (transfer_id: string) => string | undefined
}

/** Reads along in what is committed. */
export function watchApprovals({ tables, plan, time }: World, statements: Statements): Approvals {
  const { approve, cancel, leaves } = openRegister(tables, time.now)
  const idOf = (batch_id: bigint, seq: number): string =>
    lineOf(tables, batch_id, seq)?.transfer_id ?? lineKey(batch_id, seq)
  const by_commit = plan.nature !== 'two-phase'
  return {
    leaves,
    statements: {
      ...statements,
      selectOrders(run) {
        const rows = statements.selectOrders(run)
        for (const row of rows) approve(row.transfer_id, { again: false, counts: by_commit })
        return rows
      },
      takeDue(...args) {
        const rows = statements.takeDue(...args)
        for (const row of rows)
          if (row.state === 'RETRY') approve(row.transfer_id, { again: true, counts: by_commit })
        return rows
      },
      reschedule(due, token, after_ms, change) {
        const row = pursuitOfId(tables, due.id)
        const n = statements.reschedule(due, token, after_ms, change)
        if (n === 1 && row !== undefined && change.resends)
          approve(idOf(row.batch_id, row.seq), { again: true, counts: by_commit })
        return n
      },
      settleLines(...args) {
        const rows = statements.settleLines(...args)
        for (const row of rows)
          if (row.outcome === 'QUOTED')
            approve(idOf(row.batch_id, row.seq), { again: false, counts: !by_commit })
        return rows
      },
      closeCursor(id, n) {
        for (const line of tables.batches.get(id)?.lines ?? []) cancel(line.transfer_id)
        return statements.closeCursor(id, n)
      },
    },
  }
}

/** How many times an order may leave, and when it was last approved to leave again. */
type Approval = { readonly n: number; readonly again_at: number }

type Register = Pick<Approvals, 'leaves'> & {
  /** `again`: not for the first time. `counts`: it lets one order leave. */
  readonly approve: (transfer_id: string, how: { readonly again: boolean; readonly counts: boolean }) => void
  readonly cancel: (transfer_id: string) => void
}

/** What was approved and cancelled, which a transaction can undo, and what left, which nothing can. */
function openRegister(tables: Tables, now: () => number): Register {
  const approved = new Map<string, Approval>()
  const cancelled = new Map<string, number>()
  const left = new Map<string, number>()
  const approvalOf = (transfer_id: string): Approval => approved.get(transfer_id) ?? { n: 0, again_at: -1 }
  return {
    approve(transfer_id, { again, counts }) {
      const { n, again_at } = approvalOf(transfer_id)
      put(tables, approved, transfer_id, { n: counts ? n + 1 : n, again_at: again ? now() : again_at })
    },
    cancel: (transfer_id) => put(tables, cancelled, transfer_id, now()),
    leaves(transfer_id) {
      const times = (left.get(transfer_id) ?? 0) + 1
      left.set(transfer_id, times)
      const { n, again_at } = approvalOf(transfer_id)
      if (times > n)
        return `order ${transfer_id} leaves for the ${times}th time, and ${n} times were committed`
      const since = cancelled.get(transfer_id)
      if (since !== undefined && again_at > since)
        return `order ${transfer_id} leaves again although its batch is cancelled`
      return undefined
    },
  }
}
