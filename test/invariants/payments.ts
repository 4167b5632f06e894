import { checkLedger } from '../../src/ledger/index.ts'
import { checkPayments } from '../../src/payments/index.ts'
import { sql, type Db } from '../../src/platform/db.ts'
import type { Paid } from '../harness/payments.ts'

/** Every invariant of the ledger and of payments, with what only tests look for; empty when they all hold. */
export async function breachesOf(db: Db): Promise<string[]> {
  const breaches = [...(await checkLedger(db)), ...(await checkPayments(db))]
  const words = breaches.map(({ invariant, found }) => `${invariant}: ${found}`)
  return [...words, ...(await unclaimedBelowCursor(db))]
}

/** A line under the cursor that is NEW must lie in a range that somebody works on, or will recover. */
async function unclaimedBelowCursor(db: Db): Promise<string[]> {
  const rows = await db.many<{ batch_id: bigint; seq: number }>(sql`
    select l.batch_id, l.seq from payments_lines l join payments_batches b on b.id = l.batch_id
    where l.state = 'NEW' and l.seq < b.next_seq and not exists (
      select from payments_ranges r
      where r.batch_id = l.batch_id and r.state <> 'DONE' and l.seq between r.from_seq and r.to_seq)
    limit 20`)
  return rows.map((row) => `nobody follows line ${row.batch_id}:${row.seq}`)
}

type Line = {
  readonly batch_id: bigint
  readonly seq: number
  readonly state: string
  readonly party_identifier: string
  readonly amount: bigint
  readonly currency: string
}

/**
 * Holds the outside world's own log against our lines: a payment for each PAID line with its amount, currency and
 * party, none for the others, and never two. For worlds where every line has a payee of its own. Lines in REVIEW may
 * be either: people decide. Empty when it holds.
 */
export async function differencesFrom(db: Db, paid: readonly Paid[]): Promise<string[]> {
  const lines = await db.many<Line>(sql`
    select l.batch_id, l.seq, l.state, l.party_identifier, l.amount, b.currency
    from payments_lines l join payments_batches b on b.id = l.batch_id`)
  const wrong: string[] = []
  const by_party = Map.groupBy(paid, (payment) => payment.party)
  for (const line of lines) {
    const name = `line ${line.batch_id}:${line.seq} (${line.state})`
    const payments = by_party.get(line.party_identifier) ?? []
    by_party.delete(line.party_identifier)
    if (payments.length > 1) wrong.push(`${name} was paid ${payments.length} times`)
    if (line.state === 'PAID' && payments.length === 0) wrong.push(`${name} was never paid`)
    if ((line.state === 'FAILED' || line.state === 'CANCELLED') && payments.length > 0)
      wrong.push(`${name} was paid`)
    for (const payment of payments)
      if (BigInt(payment.amount) !== line.amount || payment.currency !== line.currency)
        wrong.push(
          `${name}: ${payment.amount} ${payment.currency} instead of ${line.amount} ${line.currency}`,
        )
  }
  for (const party of by_party.keys()) wrong.push(`somebody was paid whom no line names: ${party}`)
  return wrong
}

/** How many lines of a batch are in each state. */
export async function statesOf(db: Db, batch: bigint): Promise<Record<string, number>> {
  const rows = await db.many<{ state: string; n: bigint }>(sql`
    select state, count(*) as n from payments_lines where batch_id = ${batch} group by state`)
  return Object.fromEntries(rows.map((row) => [row.state, Number(row.n)]))
}
