import { checkAll, findAccount } from '../../src/payments/index.ts'
import { findOrganizationByName } from '../../src/identity/index.ts'
import { DEMO_ORGANIZATION } from '../../src/app.ts'
import { sql, type Db } from '../../src/platform/db.ts'
import type { Paid } from '../harness/payments.ts'

/** One line of a list: every line of a campaign has a payee and, within its list, an amount of its own. */
export type Due = { readonly party: string; readonly amount: number; readonly refused: boolean }

/** Magic number of the simulators: the payee's institution refuses, for good. */
const REFUSES = '000003'
const OPENING = 1_000_000_000n
export const PAYER = 'ACC-123456789'

/** List number `n` (0–99): `lines` payees that nobody else has, `refusals` of which refuse. */
export function newList(n: number, lines: number, refusals: number): Due[] {
  const every = refusals === 0 ? Number.POSITIVE_INFINITY : Math.floor(lines / refusals)
  return Array.from({ length: lines }, (_, i) => {
    const two = String(n).padStart(2, '0')
    const refused = i % every === every - 1
    const party = refused
      ? `228${two}${String(Math.floor(i / every)).padStart(3, '0')}${REFUSES}`
      : `229${two}1${String(100_000 + i)}`
    return { party, amount: 100 + i, refused }
  })
}

export const csvOf = (list: readonly Due[]): string =>
  ['type_id,valeur_id,devise,montant', ...list.map((due) => `MSISDN,${due.party},XOF,${due.amount}`)].join(
    '\n',
  )

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

export type Verdict = {
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
  log: readonly Paid[],
): Promise<Verdict> {
  const lines = await db.many<Line>(sql`
    select l.seq, l.state, l.party_identifier, l.amount, l.error_message from payments_lines l
    join bulk_batches b on b.id = l.batch_id where b.bulk_id = ${bulk_id} order by l.seq`)
  const paid = Map.groupBy(log, (payment) => payment.party)
  const wrong: string[] = []
  const counts = { twice: 0, lost: 0, stuck: 0, review: 0 }
  const note = (what: keyof typeof counts, line: Line, because: string): void => {
    counts[what] += 1
    wrong.push(`${what}: ${bulk_id} line ${line.seq}, ${line.state}: ${because}`)
  }
  if (lines.length !== list.length) wrong.push(`${bulk_id} has ${lines.length} lines of ${list.length}`)
  for (const [i, line] of lines.entries()) {
    const due = list[i]
    if (due?.party !== line.party_identifier || BigInt(due.amount) !== line.amount)
      wrong.push(`${bulk_id} line ${line.seq} is not the line of the file`)
    const payments = paid.get(line.party_identifier) ?? []
    if (payments.length > 1) note('twice', line, payments.map((payment) => payment.reference).join(', '))
    if (line.state === 'REVIEW') note('review', line, line.error_message ?? '')
    else if (line.state !== 'PAID' && line.state !== 'FAILED') note('stuck', line, line.error_message ?? '')
    else if ((line.state === 'PAID') !== payments.length > 0)
      note('lost', line, `${payments.length} payments outside`)
    if (payments.some((payment) => BigInt(payment.amount) !== line.amount || payment.currency !== 'XOF'))
      note('lost', line, 'another amount was paid')
    if (line.state === 'FAILED' && due?.refused === false) note('lost', line, 'nothing refused it')
  }
  return { ...counts, wrong }
}

/** What must hold over everything at the end; empty when it does. */
export async function judgeAll(db: Db, bulks: readonly string[], log: readonly Paid[]): Promise<string[]> {
  const wrong = (await checkAll(db)).map((breach) => `${breach.invariant}: ${breach.found}`)
  const kept = await db.many<{ bulk_id: string }>(sql`select bulk_id from bulk_batches order by id`)
  const [have, accepted] = [kept.map((row) => row.bulk_id).toSorted(), [...bulks].toSorted()]
  if (have.join() !== accepted.join()) wrong.push(`accepted ${accepted.join()}, kept ${have.join()}`)
  const organization = await findOrganizationByName(db, DEMO_ORGANIZATION)
  const account = await findAccount(db, organization?.id ?? 0n, PAYER)
  const out = log.reduce((sum, payment) => sum + BigInt(payment.amount), 0n)
  if (account.available !== OPENING - out || account.reserved !== 0n)
    wrong.push(
      `the payer has ${account.available} and ${account.reserved} reserved, not ${OPENING} − ${out} and 0`,
    )
  return wrong
}

export const inReview = async (db: Db, bulk_id: string): Promise<number> =>
  Number(
    (
      await db.one<{ n: bigint }>(sql`
        select count(*) as n from payments_lines l join bulk_batches b on b.id = l.batch_id
        where b.bulk_id = ${bulk_id} and l.state = 'REVIEW'`)
    ).n,
  )
