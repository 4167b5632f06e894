import { checkAll } from '../../src/integrity/index.ts'
import { sql, type Db } from '../../src/platform/db.ts'
import type { Paid } from '../harness/payments.ts'

/** Every invariant, as one sentence a breach; empty when they all hold. */
export const breachesOf = async (db: Db): Promise<string[]> =>
  (await checkAll(db)).map(({ id, invariant, found }) => `${id} ${invariant}: ${found}`)

type Line = {
  readonly batch_id: bigint
  readonly seq: number
  readonly state: string
  readonly party_identifier: string
  readonly amount: bigint
  readonly currency: string
}

/**
 * The invariants that need the outside world's own log. INV-07: nobody is paid twice. INV-09: paid outside exactly when
 * we say PAID, with the amount, currency and party of the line. INV-32: what our floats paid for those lines, less the
 * rail's fees, is what the outside received. For worlds where every line has a payee of its own. Lines in REVIEW may be
 * either: people decide. Empty when they hold.
 */
export async function differencesFrom(db: Db, paid: readonly Paid[]): Promise<string[]> {
  const lines = await db.many<Line>(sql`
    select l.batch_id, l.seq, l.state, l.party_identifier, l.amount, b.currency
    from payments_lines l join payments_batches b on b.id = l.batch_id`)
  const wrong: string[] = []
  const outside = new Map<string, bigint>()
  const by_party = Map.groupBy(paid, (payment) => payment.party)
  for (const line of lines) {
    const name = `line ${line.batch_id}:${line.seq} (${line.state})`
    const payments = by_party.get(line.party_identifier) ?? []
    by_party.delete(line.party_identifier)
    if (payments.length > 1) wrong.push(`${name} was paid ${payments.length} times`)
    if (line.state === 'PAID' && payments.length === 0) wrong.push(`${name} was never paid`)
    if ((line.state === 'FAILED' || line.state === 'CANCELLED') && payments.length > 0)
      wrong.push(`${name} was paid`)
    for (const payment of payments) {
      if (BigInt(payment.amount) !== line.amount || payment.currency !== line.currency)
        wrong.push(
          `${name}: ${payment.amount} ${payment.currency} instead of ${line.amount} ${line.currency}`,
        )
      if (line.state === 'PAID')
        outside.set(payment.currency, (outside.get(payment.currency) ?? 0n) + BigInt(payment.amount))
    }
  }
  for (const party of by_party.keys()) wrong.push(`somebody was paid whom no line names: ${party}`)
  return [...wrong, ...(await floatDifferences(db, outside))]
}

/** What left the floats for lines that we call PAID, without the rail's fees, by currency. */
async function floatDifferences(db: Db, outside: ReadonlyMap<string, bigint>): Promise<string[]> {
  const left = await db.many<{ currency: string; sum: bigint }>(sql`
    select a.currency, sum(l.amount)::bigint
      - coalesce((select sum(b.fees) from payments_batches b where b.currency = a.currency), 0)::bigint as sum
    from ledger_lines l join ledger_accounts a on a.id = l.account_id join ledger_entries e on e.id = l.entry_id
    where a.code like 'float:%' and e.kind = 'payouts.paid' group by a.currency`)
  const ours = new Map(left.map((row) => [row.currency, row.sum]))
  return [...new Set([...ours.keys(), ...outside.keys()])]
    .filter((currency) => (ours.get(currency) ?? 0n) !== (outside.get(currency) ?? 0n))
    .map((one) => `the floats paid ${ours.get(one) ?? 0n} ${one}, outside ${outside.get(one) ?? 0n} arrived`)
}

/** How many lines of a batch are in each state. */
export async function statesOf(db: Db, batch: bigint): Promise<Record<string, number>> {
  const rows = await db.many<{ state: string; n: bigint }>(sql`
    select state, count(*) as n from payments_lines where batch_id = ${batch} group by state`)
  return Object.fromEntries(rows.map((row) => [row.state, Number(row.n)]))
}
