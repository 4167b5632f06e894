import type { Statements } from './memory/statements.ts'
import { lineKey, put, type Tables } from './memory/tables.ts'
import type { Nature } from './outside.ts'

type Approval = { readonly n: number; readonly again_at: number }

/**
 * Holds every order that leaves against what was committed before: one commit lets one order leave (a claim, a new
 * attempt, a resend, or a quote where the rail makes the reference), and after a cancel nothing is tried or sent again.
 */
export type Approvals = {
  readonly statements: Statements
  /** An order leaves now: what is wrong with that, or undefined. */
  readonly leaves: (transfer_id: string) => string | undefined
}

export function watchApprovals(
  tables: Tables,
  statements: Statements,
  nature: Nature,
  now: () => number,
): Approvals {
  const approved = new Map<string, Approval>()
  const cancelled = new Map<string, number>()
  const left = new Map<string, number>()
  const approve = (transfer_id: string, again: boolean, counts: boolean): void => {
    const { n, again_at } = approved.get(transfer_id) ?? { n: 0, again_at: -1 }
    put(tables, approved, transfer_id, { n: counts ? n + 1 : n, again_at: again ? now() : again_at })
  }
  const idOf = (batch_id: bigint, seq: number): string =>
    tables.batches.get(batch_id)?.lines[seq - 1]?.transfer_id ?? lineKey(batch_id, seq)
  const by_commit = nature !== 'two-phase'
  return {
    statements: {
      ...statements,
      selectOrders(run) {
        const rows = statements.selectOrders(run)
        for (const row of rows) approve(row.transfer_id, false, by_commit)
        return rows
      },
      takeDue(...args) {
        const rows = statements.takeDue(...args)
        for (const row of rows) if (row.state === 'RETRY') approve(row.transfer_id, true, by_commit)
        return rows
      },
      reschedule(due, token, after_ms, change) {
        const row = [...tables.pursuits.values()].find((p) => p.id === due.id)
        const n = statements.reschedule(due, token, after_ms, change)
        if (n === 1 && row !== undefined && change.resends)
          approve(idOf(row.batch_id, row.seq), true, by_commit)
        return n
      },
      settleLines(...args) {
        const rows = statements.settleLines(...args)
        for (const row of rows)
          if (row.outcome === 'QUOTED') approve(idOf(row.batch_id, row.seq), false, !by_commit)
        return rows
      },
      closeCursor(id, n) {
        for (const line of tables.batches.get(id)?.lines ?? [])
          put(tables, cancelled, line.transfer_id, now())
        return statements.closeCursor(id, n)
      },
    },
    leaves(transfer_id) {
      const times = (left.get(transfer_id) ?? 0) + 1
      left.set(transfer_id, times)
      const { n, again_at } = approved.get(transfer_id) ?? { n: 0, again_at: -1 }
      if (times > n)
        return `order ${transfer_id} leaves for the ${times}th time, and ${n} times were committed`
      const since = cancelled.get(transfer_id)
      if (since !== undefined && again_at > since)
        return `order ${transfer_id} leaves again although its batch is cancelled`
      return undefined
    },
  }
}
