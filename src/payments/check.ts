import { balancesOf, checkLedger, type Breach } from '../ledger/index.ts'
import { sql, type Db, type Reader } from '../platform/db.ts'

/** Everything is read again, which takes its time. */
const TIMEOUT_MS = 3_600_000

/**
 * Every invariant that applies, of the ledger and of payments, at one moment: while Cauri pays, two statements would see
 * two moments, and differ by what moved between them. Empty when they all hold.
 */
export const checkAll = (db: Db): Promise<Breach[]> =>
  db.snapshot(async (now) => [...(await checkLedger(now)), ...(await checkPayments(now))], TIMEOUT_MS)

/**
 * The invariants of payments, over everything that is stored, in one snapshot. An empty answer means that they hold:
 * counters are what the lines say, holds are what open lines need, and nothing is followed by nobody.
 */
export async function checkPayments(db: Reader): Promise<Breach[]> {
  const breaches: Breach[] = []
  const note = (invariant: string, rows: readonly object[]): void => {
    for (const row of rows) breaches.push({ invariant, found: Object.values(row).map(String).join(' ') })
  }
  note('the counters of each batch are its lines', await wrongCounters(db))
  note('each hold is what its open lines need', await wrongHolds(db))
  note('every uncertain line is pursued, and every pursuit has its line', await unpursued(db))
  return breaches
}

const wrongCounters = (db: Reader): Promise<object[]> =>
  db.many(sql`
    select b.id, b.total, l.n, b.completed, l.paid, b.failed, l.failed as failed_lines, b.cancelled, l.cancelled as cancelled_lines,
      b.uncertain, l.uncertain as uncertain_lines
    from payments_batches b
    left join (
      select batch_id, count(*) as n, sum(amount) as amount, count(*) filter (where state = 'PAID') as paid,
        count(*) filter (where state = 'FAILED') as failed, count(*) filter (where state = 'CANCELLED') as cancelled,
        count(*) filter (where state in ('UNCERTAIN', 'REVIEW')) as uncertain
      from payments_lines group by batch_id
    ) l on l.batch_id = b.id
    where (b.total, b.total_amount, b.completed, b.failed, b.cancelled, b.uncertain)
      is distinct from (l.n, l.amount, l.paid, l.failed, l.cancelled, l.uncertain) limit 20`)

async function wrongHolds(db: Reader): Promise<object[]> {
  const due = await db.many<{ id: bigint; hold_account_id: bigint; due: bigint }>(sql`
    select b.id, b.hold_account_id, coalesce(sum(l.amount + b.fee_cap), 0)::bigint as due
    from payments_batches b
    left join payments_lines l on l.batch_id = b.id and l.state in ('NEW', 'RETRY', 'UNCERTAIN', 'REVIEW')
    group by b.id, b.hold_account_id`)
  const held = await balancesOf(
    db,
    due.map((row) => row.hold_account_id),
  )
  return due
    .map((row) => ({ id: row.id, due: row.due, held: held.get(row.hold_account_id) ?? 0n }))
    .filter((row) => row.due !== row.held)
    .slice(0, 20)
}

const unpursued = (db: Reader): Promise<object[]> =>
  db.many(sql`
    select l.batch_id, l.seq, l.state, p.state as pursuit
    from payments_lines l left join payments_pursuits p on p.batch_id = l.batch_id and p.seq = l.seq
    where l.state in ('RETRY', 'UNCERTAIN', 'REVIEW') and p.id is null
    union all
    select p.batch_id, p.seq, l.state, p.state
    from payments_pursuits p left join payments_lines l on l.batch_id = p.batch_id and l.seq = p.seq
    where l.state is null or not case p.state
      when 'QUOTED' then l.state in ('NEW', 'RETRY', 'UNCERTAIN')
      when 'SENDING' then l.state = 'RETRY'
      else l.state = p.state
    end
    limit 20`)
