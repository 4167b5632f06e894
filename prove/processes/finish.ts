import { setTimeout as pause } from 'node:timers/promises'
import { advanceClock } from '../../src/platform/clock.ts'
import { sql } from '../../src/platform/db.ts'
import type { Paid } from '../../test/harness/payments.ts'
import { byPayee, judge, judgeAll } from './judge.ts'
import { openLines, PAYEE, REVIEW_AFTER_S, type World } from './world.ts'

/** When nothing happens for so long, what is open is stuck; the judge will name it. */
const STUCK_MS = 30_000
/** So much of the rail's own time passes at each look: what it pays late is paid. */
const ADVANCE_S = 25

/** Waits until every line is final or in review, as long as some get there. Payees who stay silent keep theirs open. */
export async function settleDown(world: World): Promise<void> {
  await waitFor(world, false)
}

/** A day passes: what the rail will never say anything about goes to people. */
export async function letADayPass(world: World): Promise<void> {
  await advanceClock(world.db, REVIEW_AFTER_S + 1)
  await waitFor(world, true)
}

async function waitFor(world: World, silent: boolean): Promise<void> {
  for (let left = -1, since = performance.now(); performance.now() - since < STUCK_MS; await pause(300)) {
    await world.outside.control('POST', '/_sim/clock', { advance_s: ADVANCE_S })
    const open = await openLines(world, silent)
    if (open === 0) return
    if (open !== left) since = performance.now()
    left = open ?? left
  }
  world.tally.blame(`stuck: ${await openLines(world, silent)} lines are open and nothing more happens`)
}

/** Holds everything against the outside world's log. */
export async function judgeRun(
  world: World,
): Promise<{ twice: number; lost: number; stuck: number; invariants: number }> {
  const { db, accepted, tally, outside } = world
  const log = await outside.paid()
  const paid = byPayee(log)
  for (const { list, bulk_id } of accepted.values()) {
    const verdict = await judge(db, bulk_id, list, paid)
    for (const one of verdict.wrong) tally.blame(one)
    for (const kind of ['paid', 'failed', 'cancelled', 'review'] as const)
      tally.add(`lines ${kind}`, verdict[kind])
  }
  for (const one of await judgeAll(
    db,
    [...accepted.values()].map(({ bulk_id }) => bulk_id),
    log,
  ))
    tally.blame(one)
  await judgeParties(world, log)
  await judgeIncoming(world)
  await judgeWebhooks(world)
  await judgeConnection(world)
  const count = (word: string): number => tally.wrong.filter((one) => one.startsWith(word)).length
  const [twice, lost, stuck] = [count('twice'), count('lost'), count('stuck')]
  return { twice, lost, stuck, invariants: count('invariant') }
}

/** Nobody was paid whom no list names. */
async function judgeParties({ accepted, tally }: World, log: readonly Paid[]): Promise<void> {
  const due = new Set([...accepted.values()].flatMap(({ list }) => list.map(({ party }) => party)))
  for (const payment of log)
    if (!due.has(payment.party)) tally.blame(`lost: ${payment.reference} was paid to nobody of ours`)
}

/** What came in is credited once, to the franc, for each transfer that was answered. */
async function judgeIncoming({ db, incoming, tally }: World): Promise<void> {
  const rows = await db.many<{ transfer_id: string; amount: bigint; state: string }>(
    sql`select transfer_id, amount, state from payments_incoming where state = 'COMMITTED'`,
  )
  const kept = new Map(rows.map((row) => [row.transfer_id, row.amount]))
  for (const [id, amount] of incoming)
    if (kept.get(id) !== BigInt(amount)) tally.blame(`lost: incoming ${id} of ${amount}: ${kept.get(id)}`)
  const { sum } = await db.one<{ sum: bigint }>(sql`
    select balance as sum from ledger_accounts where code = ${`payer:${PAYEE.account_id}`}`)
  const due = rows.reduce((all, row) => all + row.amount, 0n)
  if (sum !== due) tally.blame(`twice: the payee was credited ${sum} of ${due}`)
  tally.add('incoming transfers', incoming.size)
}

/** Each finished batch that wanted a call was called, under one id, or is still in the queue. */
async function judgeWebhooks({ db, accepted, webhooks, tally }: World): Promise<void> {
  const queued = await db.many<{ data: string }>(sql`
    select data::text as data from pgboss.job where name in ('webhook.deliver', 'dead') and state not in ('completed')
    union all select payload::text from platform_outbox`)
  for (const { bulk_id, key } of accepted.values()) {
    if (key === '') continue
    const ids = webhooks.get(key)
    if (ids !== undefined && ids.size > 1)
      tally.blame(`twice: ${bulk_id} was announced under ${ids.size} ids`)
    if (ids === undefined && !queued.some(({ data }) => data.includes(key)))
      tally.blame(`lost: the end of ${bulk_id} was announced to nobody`)
    tally.add('webhooks', ids?.size ?? 0)
  }
}

/** A connection that only an operator can let go on was stopped by a check that failed. */
async function judgeConnection({ db, tally }: World): Promise<void> {
  const rows = await db.many<{ stopped_because: string | null }>(
    sql`select stopped_because from payments_connections where needs_operator`,
  )
  for (const { stopped_because } of rows) tally.blame(`invariant: payouts were stopped: ${stopped_because}`)
}
