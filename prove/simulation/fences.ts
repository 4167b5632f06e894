import type { Answer, Order } from '../../src/connectors/index.ts'
import { referenceOf } from '../../src/payments/engine/reference.ts'
import type { Statements } from './memory/statements.ts'
import type { Tables } from './memory/tables.ts'

/**
 * Holds the fence: an order is made only by the worker whose lease has not run out by the database's clock, and a
 * refusal moves a line only when the worker that asked still drives, under the lease under which it was told.
 */
export type Fences = {
  readonly watch: (statements: Statements) => Statements
  /** The transaction of this process begins. */
  readonly begun: (process: string) => void
  /** A process asks about an order now; the answer is to be told when it has been read. */
  readonly asks: (process: string, order: Order, orders: boolean) => (answer: Answer) => void
  /** An order has left. */
  readonly left: (order: Order) => void
  /** A process makes an order now, and is about to send it. */
  readonly makes: (process: string, order: Order) => void
}

export function watchFences(tables: Tables, now: () => number, wrong: (what: string) => void): Fences {
  /** The token under which a process was last told a refusal or «not found», by process and reference. */
  const told = new Map<string, bigint>()
  const sent = new Set<string>()
  let acting = ''
  const driving = () => [...tables.connections.values()][0]
  const watch = (statements: Statements): Statements => ({
    ...statements,
    settleLines(connection, token, set, by_people) {
      const rows = statements.settleLines(connection, token, set, by_people)
      if (by_people) return rows
      for (const { outcome, batch_id, seq, attempt } of rows) {
        if (outcome !== 'FAILED' && outcome !== 'RETRY') continue
        const batch = tables.batches.get(batch_id)
        if (batch === undefined) continue
        const heard = told.get(`${acting} ${referenceOf(batch.secret, seq, attempt)}`)
        const current = driving()?.token ?? 0n
        // In a cancelled batch an attempt that was given back ends with the refusal before it.
        if (heard === undefined && batch.cancelled_from === null)
          wrong(`line ${batch_id}:${seq} is ${outcome}, and nobody refused it`)
        if (heard !== undefined && heard !== current)
          wrong(
            `${acting} heard a refusal of line ${batch_id}:${seq} under ${heard}, and settles it under ${current}`,
          )
      }
      return rows
    },
  })
  return {
    watch,
    begun: (process) => void (acting = process),
    left: (order) => void sent.add(order.reference),
    asks(process, order, orders) {
      // A refusal of a resend says nothing of the first sending: only a question's answer does.
      const resend = orders && sent.has(order.reference)
      const token = driving()?.token ?? 0n
      const key = `${process} ${order.reference}`
      if (resend) told.delete(key)
      return (answer) => {
        const refuses = answer.kind === 'refused' || answer.kind === 'not-found' || 'refused' in answer
        if (refuses && !resend) told.set(key, token)
        // Told that we are not let in, we know that nothing was done.
        if (answer.kind === 'stop' && !refuses) sent.delete(order.reference)
      }
    },
    makes(process, order) {
      const lease = driving()
      if (lease?.worker === process && lease.lease_until !== null && lease.lease_until > now()) return
      wrong(`${process} orders ${order.home_reference}, and ${lease?.worker ?? 'nobody'} drives`)
    },
  }
}
