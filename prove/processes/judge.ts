import { findOrganizationByName } from '../../src/identity/index.ts'
import { DEMO_ORGANIZATION } from '../../src/app.ts'
import { checkAll } from '../../src/integrity/index.ts'
import { findAccount } from '../../src/payments/index.ts'
import { sql, type Db } from '../../src/platform/db.ts'
import type { Paid } from '../../test/harness/payments.ts'
import { PAYER, type Due } from './lists.ts'

const OPENING = 1_000_000_000n

/** How far a batch is. `in_doubt`: claimed and without an outcome, or uncertain: what a kill leaves unknown. */
export type Progress = {
  readonly state: string
  readonly total: number
  readonly paid: number
  readonly failed: number
  readonly uncertain: number
  readonly in_doubt: number
}

export const progressOf = (db: Db, bulk_id: string): Promise<Progress> =>
  db.one(sql`
    select p.state, p.total, p.completed as paid, p.failed, p.uncertain,
      p.uncertain + p.next_seq - 1 - p.completed - p.failed - p.uncertain
        - coalesce((select sum(r.to_seq - r.from_seq + 1) from payments_ranges r
            where r.batch_id = p.id and r.state = 'FREED'), 0)::integer as in_doubt
    from bulk_batches b join payments_public_batches p on p.id = b.id where b.bulk_id = ${bulk_id}`)

export const settledOf = (progress: Progress): number => progress.paid + progress.failed

/** What was found in one batch: the words of docs/proof.md. */
export type Judged = {
  readonly paid: number
  readonly failed: number
  readonly cancelled: number
  readonly twice: number
  readonly lost: number
  readonly stuck: number
  readonly review: number
  /** What is wrong, in words: empty when nothing is. */
  readonly wrong: readonly string[]
}

type Line = {
  readonly seq: number
  readonly state: string
  readonly party_identifier: string
  readonly amount: bigint
  readonly error_code: string | null
  readonly error_message: string | null
}

/**
 * Judges one list by the outside world's own log. Twice: a payee with more than one payment. Lost: a payee whom we call
 * paid and who was not, or the reverse, or with another amount. Stuck: neither final nor in review.
 */
export async function judge(
  db: Db,
  bulk_id: string,
  list: readonly Due[],
  paid: ReadonlyMap<string, readonly Paid[]>,
): Promise<Judged> {
  const lines = await db.many<Line>(sql`
    select l.seq, l.state, l.party_identifier, l.amount, l.error_code, l.error_message from payments_lines l
    join bulk_batches b on b.id = l.batch_id where b.bulk_id = ${bulk_id} order by l.seq`)
  const wrong: string[] = []
  const counts = { paid: 0, failed: 0, cancelled: 0, twice: 0, lost: 0, stuck: 0, review: 0 }
  const note = (what: 'twice' | 'lost' | 'stuck', line: Line, because: string): void => {
    counts[what] += 1
    wrong.push(`${what}: ${bulk_id} line ${line.seq}, ${line.state}: ${because}`)
  }
  if (lines.length !== list.length) wrong.push(`lost: ${bulk_id} has ${lines.length} lines of ${list.length}`)
  for (const [i, line] of lines.entries()) {
    const due = list[i]
    if (due?.party !== line.party_identifier || BigInt(due.amount) !== line.amount)
      wrong.push(`lost: ${bulk_id} line ${line.seq} is not the line of the file`)
    const payments = paid.get(line.party_identifier) ?? []
    const [state, how] = [kindOf(line.state), `${payments.length} payments outside`]
    counts[state] += 1
    if (payments.length > 1) note('twice', line, payments.map((payment) => payment.reference).join(', '))
    if (state === 'stuck') wrong.push(`stuck: ${bulk_id} line ${line.seq}, ${line.state}: ${how}`)
    if (state === 'paid' && payments.length === 0) note('lost', line, how)
    if ((state === 'failed' || state === 'cancelled') && payments.length > 0) note('lost', line, how)
    if (payments.some((payment) => BigInt(payment.amount) !== line.amount || payment.currency !== 'XOF'))
      note('lost', line, 'another amount was paid')
    if (state === 'failed' && due?.manner === 'takes it' && line.error_code !== DECIDED)
      note('lost', line, `nothing refused it: ${line.error_code} ${line.error_message}`)
  }
  return { ...counts, wrong }
}

/** People closed it after they had looked at the outside world's log. */
const DECIDED = 'REFUSED_AT_REVIEW'

const kindOf = (state: string): 'paid' | 'failed' | 'cancelled' | 'review' | 'stuck' => {
  switch (state) {
    case 'PAID':
      return 'paid'
    case 'FAILED':
      return 'failed'
    case 'CANCELLED':
      return 'cancelled'
    case 'REVIEW':
      return 'review'
    default:
      return 'stuck'
  }
}

/** The log by payee. */
export const byPayee = (log: readonly Paid[]): ReadonlyMap<string, readonly Paid[]> =>
  Map.groupBy(log, (payment) => payment.party)

/**
 * What must hold over everything at the end; empty when it does: the invariants; the batches kept are the accepted
 * ones; the payer has what it had less what the log says was paid, to the franc, with only what is in review reserved.
 */
export async function judgeAll(db: Db, accepted: readonly string[], log: readonly Paid[]): Promise<string[]> {
  const wrong = (await checkAll(db)).map((breach) => `invariant: ${breach.invariant}: ${breach.found}`)
  const kept = await db.many<{ bulk_id: string }>(sql`select bulk_id from bulk_batches order by id`)
  const have = new Set(kept.map((row) => row.bulk_id))
  for (const bulk_id of accepted)
    if (!have.delete(bulk_id)) wrong.push(`lost: ${bulk_id} was acknowledged and is not there`)
  for (const bulk_id of have) wrong.push(`twice: ${bulk_id} is there and was never acknowledged`)
  const { held } = await db.one<{ held: bigint }>(
    sql`select coalesce(sum(amount), 0)::bigint as held from payments_lines where state = 'REVIEW'`,
  )
  const organization = await findOrganizationByName(db, DEMO_ORGANIZATION)
  const account = await findAccount(db, organization?.id ?? 0n, PAYER)
  const out = log.reduce((sum, payment) => sum + BigInt(payment.amount), 0n)
  // What is in review may or may not have been paid: it is reserved in any case.
  if (account.reserved !== held || account.balance > OPENING - out + held || account.balance < OPENING - out)
    wrong.push(
      `lost: the payer has ${account.available} and ${account.reserved} reserved, not ${OPENING} − ${out} and ${held}`,
    )
  return wrong
}
