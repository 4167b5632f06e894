import { lineKey, lineOf, type BatchRow, type LineRow, type Tables } from './memory/tables.ts'
import type { Outside } from './outside.ts'

/** What is wrong, sorted as in the verdict of a campaign. */
export type Wrong = { readonly kind: 'twice' | 'lost' | 'stuck' | 'invariants'; readonly what: string }

const OPEN = new Set(['NEW', 'RETRY', 'UNCERTAIN', 'REVIEW'])

/**
 * The invariants of src/payments/check.ts and src/ledger/check.ts over tables in memory, and that every line under the
 * cursor is followed by somebody. The words of the first breach, or undefined.
 */
export function breachOf(tables: Tables): string | undefined {
  for (const batch of tables.batches.values()) {
    const breach = batchBreach(tables, batch)
    if (breach !== undefined) return `batch ${batch.id}: ${breach}`
  }
  for (const pursuit of tables.pursuits.values()) {
    const line = lineOf(tables, pursuit.batch_id, pursuit.seq)
    if (line === undefined || !fits(pursuit.state, line.state))
      return `pursuit ${pursuit.state} of line ${pursuit.batch_id}:${pursuit.seq}, which is ${line?.state}`
    if ((pursuit.state === 'REVIEW') !== (pursuit.next_at === null))
      return 'a pursuit in REVIEW has no next time'
  }
  for (const { code, floor, balance } of tables.ledger.values())
    if (floor === 'ZERO' && balance < 0n) return `account ${code} is below zero: ${balance}`
  return undefined
}

function batchBreach(tables: Tables, batch: BatchRow): string | undefined {
  let [paid, failed, cancelled, uncertain, open] = [0, 0, 0, 0, 0]
  let due = 0n
  for (const line of batch.lines) {
    if (line.state === 'PAID') paid += 1
    else if (line.state === 'FAILED') failed += 1
    else if (line.state === 'CANCELLED') cancelled += 1
    else if (line.state === 'UNCERTAIN' || line.state === 'REVIEW') uncertain += 1
    if (OPEN.has(line.state)) {
      open += 1
      due += line.amount + batch.fee_cap
    }
    const breach = lineBreach(tables, batch, line)
    if (breach !== undefined) return `line ${line.seq}: ${breach}`
  }
  const counted = `${batch.completed} ${batch.failed} ${batch.cancelled} ${batch.uncertain}`
  if (counted !== `${paid} ${failed} ${cancelled} ${uncertain}`)
    return `counters ${counted} for lines ${paid} ${failed} ${cancelled} ${uncertain}`
  const held = tables.ledger.get(batch.hold_account_id)?.balance
  if (held !== due) return `the hold is ${held}, its open lines need ${due}`
  return (batch.finished_at !== null) === (open === 0) ? undefined : 'finished is not what the lines say'
}

function lineBreach(tables: Tables, batch: BatchRow, line: LineRow): string | undefined {
  const { state, seq } = line
  if (state === 'RETRY' || state === 'UNCERTAIN' || state === 'REVIEW')
    return tables.pursuits.has(lineKey(batch.id, seq)) ? undefined : `${state} is not pursued`
  if (state !== 'NEW' || seq >= batch.next_seq) return undefined
  for (const range of tables.ranges.values())
    if (range.batch_id === batch.id && range.state !== 'DONE' && seq >= range.from_seq && seq <= range.to_seq)
      return undefined
  return 'NEW under the cursor, and in no live range'
}

function fits(pursuit: string, line: string): boolean {
  if (pursuit === 'QUOTED') return line === 'NEW' || line === 'RETRY' || line === 'UNCERTAIN'
  return line === (pursuit === 'SENDING' ? 'RETRY' : pursuit)
}

/** The ledger from its lines: zero sums, and balances that are the sums. Slower; at the end. */
export function ledgerBreach(tables: Tables): string | undefined {
  const sums = new Map<bigint, bigint>()
  let total = 0n
  for (const [reason, { lines }] of tables.entries) {
    let sum = 0n
    for (const { account, amount } of lines) {
      sum += amount
      sums.set(account, (sums.get(account) ?? 0n) + amount)
    }
    if (sum !== 0n) return `entry ${reason} sums to ${sum}`
    total += sum
  }
  for (const { id, code, balance } of tables.ledger.values())
    if ((sums.get(id) ?? 0n) !== balance) return `the balance of ${code} is not the sum of its lines`
  return total === 0n ? undefined : 'the lines do not sum to zero'
}

/** The verdict: the rail's own log against the lines. `told`: what the purpose's handler heard of each line. */
export function judge(
  tables: Tables,
  outside: Outside,
  told: ReadonlyMap<string, readonly string[]>,
  by_people: ReadonlySet<string>,
): Wrong[] {
  const wrong: Wrong[] = []
  const by_order = Map.groupBy(outside.log, (payment) => payment.home_reference)
  let moved = 0n
  for (const batch of tables.batches.values())
    for (const line of batch.lines) {
      if (line.state === 'PAID') moved += line.amount + line.fee
      const payments = by_order.get(line.transfer_id) ?? []
      const name = `line ${batch.id}:${line.seq} (${line.state}, attempt ${line.attempt})`
      const note = (kind: Wrong['kind'], what: string): void =>
        void wrong.push({ kind, what: `${name} ${what}` })
      const ends = (told.get(lineKey(batch.id, line.seq)) ?? []).join()
      const final = line.state === 'PAID' || line.state === 'FAILED' ? line.state : ''
      if (ends !== final) note('invariants', `was told to its purpose as «${ends}»`)
      if (line.state === 'NEW' || line.state === 'RETRY' || line.state === 'UNCERTAIN')
        note('stuck', 'is neither final nor before people')
      if (outside.lied(line.transfer_id)) continue
      if (payments.length > 1) note('twice', `was paid ${payments.length} times`)
      const [payment] = payments
      if (line.state === 'PAID' && payment === undefined) note('lost', 'was never paid')
      if ((line.state === 'FAILED' || line.state === 'CANCELLED') && payment !== undefined)
        note('lost', 'was paid')
      if (line.error_code === 'PAID_LATE') note('lost', 'was closed, and paid after all')
      if (line.state !== 'PAID' || payment === undefined || by_people.has(line.transfer_id)) continue
      const right = payment.amount === line.amount && payment.party === line.party_identifier
      if (!right) note('lost', `was paid ${payment.amount} to ${payment.party}`)
      if (payment.fee !== line.fee) note('lost', `cost ${payment.fee}, and we say ${line.fee}`)
    }
  for (const [reason, { lines }] of tables.entries)
    if (reason.startsWith('payout.paid-late'))
      moved += lines.reduce((sum, l) => (l.amount > 0n ? sum + l.amount : sum), 0n)
  const float =
    [...tables.ledger.values()].find((account) => account.code.startsWith('float:'))?.balance ?? 0n
  if (float !== moved) wrong.push({ kind: 'lost', what: `${float} left the float, and ${moved} was paid` })
  const breach = breachOf(tables) ?? ledgerBreach(tables)
  if (breach !== undefined) wrong.push({ kind: 'invariants', what: breach })
  return wrong
}
