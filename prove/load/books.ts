import { checkAll } from '../../src/integrity/index.ts'
import { sql, type Db } from '../../src/platform/db.ts'
import type { Paid } from '../../test/harness/payments.ts'
import { PAYER } from '../processes/lists.ts'
import type { Verdict } from '../result.ts'
import type { Upload } from './client.ts'

/** One list that some client wants paid: its payees are its own, so that the outside world's log tells whose they are. */
export type List = { readonly key: string; readonly from: number; readonly lines: number }

/** Hands out lists; every payee of a campaign is in one list only. */
export function openLists(name: string, lines: number): () => List {
  let n = 0
  return () => {
    const list = { key: `${name}-${n}`, from: n * lines, lines }
    n += 1
    return list
  }
}

/** The simulators give a meaning to numbers whose last six digits are 000 and three more; these have none. */
const VALID_IN_A_MILLION = 999_000
const numberOf = (i: number): string =>
  `228${10_000_000 + Math.floor(i / VALID_IN_A_MILLION) * 1_000_000 + 1_000 + (i % VALID_IN_A_MILLION)}`
const indexOf = (party: string): number => {
  const n = Number(party.slice(3)) - 10_000_000
  return Math.floor(n / 1_000_000) * VALID_IN_A_MILLION + (n % 1_000_000) - 1_000
}
const amountOf = (i: number): number => 1 + (i % 7)

export const uploadOf = ({ key, from, lines }: List): Upload => {
  const rows = Array.from(
    { length: lines },
    (_, i) => `MSISDN,${numberOf(from + i)},XOF,${amountOf(from + i)}`,
  )
  return { key, csv: `type_id,valeur_id,devise,montant\n${rows.join('\n')}\n`, payer_account: PAYER }
}

/** Lists whose upload was acknowledged, with the batch that the answer named. */
export type Accepted = ReadonlyMap<string, { readonly list: List; readonly bulk_id: string }>

export type Judgement = { readonly verdict: Verdict; readonly wrong: readonly string[] }

/**
 * Judges a campaign without injected faults by what the outside world says it paid, its `log`. Twice: a payee who was paid more
 * than once, or a list with two batches. Lost: an acknowledged list without its batch, or a payee of one who was not
 * paid exactly what the list says, or anybody who is in none. Stuck: a batch that is not COMPLETED.
 */
export async function judge(db: Db, log: readonly Paid[], accepted: Accepted): Promise<Judgement> {
  const wrong: string[] = []
  const count = { twice: 0, lost: 0, stuck: 0 }
  const note = (what: keyof typeof count, why: string): void => {
    count[what] += 1
    if (count[what] <= 20) wrong.push(`${what}: ${why}`)
  }
  const paid = timesPaid(log, (party, amount) => note('lost', `${party} was paid ${amount}`))
  const batches = new Map((await batchesOf(db)).map((batch) => [batch.bulk_id, batch.state] as const))
  for (const { list, bulk_id } of accepted.values()) {
    const state = batches.get(bulk_id)
    if (state === undefined) note('lost', `${list.key} was accepted as ${bulk_id}, which is not there`)
    else if (state !== 'COMPLETED') note('stuck', `${list.key}, ${bulk_id}: ${state}`)
    for (let i = list.from; i < list.from + list.lines; i++) {
      const times = paid.get(i) ?? 0
      if (times > 1) note('twice', `${list.key}: ${numberOf(i)} was paid ${times} times`)
      if (times === 0 && state === 'COMPLETED') note('lost', `${list.key}: ${numberOf(i)} was not paid`)
      paid.delete(i)
    }
  }
  const stray = batches.size - new Set([...accepted.values()].map((one) => one.bulk_id)).size
  if (stray !== 0) note('twice', `${batches.size} batches for ${accepted.size} acknowledged lists`)
  for (const i of paid.keys()) note('lost', `${numberOf(i)} is in no acknowledged list and was paid`)
  const breaches = await checkAll(db)
  for (const { invariant, found } of breaches.slice(0, 20)) wrong.push(`${invariant}: ${found}`)
  return { verdict: { ...count, invariants: breaches.length }, wrong }
}

const batchesOf = (db: Db): Promise<{ bulk_id: string; state: string }[]> =>
  db.many(sql`select bulk_id, state from bulk_public_batches`)

/** How often each payee was paid. */
function timesPaid(
  log: readonly Paid[],
  otherAmount: (party: string, amount: number) => void,
): Map<number, number> {
  const times = new Map<number, number>()
  for (const { party, amount } of log) {
    const i = indexOf(party)
    if (amount !== amountOf(i)) otherAmount(party, amount)
    times.set(i, (times.get(i) ?? 0) + 1)
  }
  return times
}

/** Lines with their outcome, over all batches. */
export const settledLines = async (db: Db): Promise<number> =>
  Number(
    (
      await db.one<{ n: bigint }>(sql`
      select coalesce(sum(completed + failed + cancelled), 0)::bigint as n from bulk_public_batches`)
    ).n,
  )

/** Batches that are not final. */
export const openBatches = async (db: Db): Promise<number> =>
  Number(
    (
      await db.one<{ n: bigint }>(sql`
      select count(*) as n from bulk_public_batches where state in ('PENDING', 'PROCESSING')`)
    ).n,
  )
