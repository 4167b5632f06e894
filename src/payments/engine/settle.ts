import type { Entry, Line } from '../../ledger/index.ts'
import { crashPoint } from '../../platform/crash-point.ts'
import type { Tx } from '../../platform/db.ts'
import type { Currency } from '../../platform/money.ts'
import type { BatchInfo, PursuitChange, SettledRow } from '../sql/engine.ts'
import type { Outcome } from './outcome.ts'
import type { Acting, PaymentStore } from './ports.ts'

/** What a purpose is told, in the transaction that settles: the rows that really changed, batch by batch. */
export type News = {
  readonly batch_id: bigint
  readonly finished: boolean
  readonly lines: readonly { readonly seq: number; readonly outcome: 'PAID' | 'FAILED' }[]
}

/** Handlers refuse nothing: an unexpected state becomes a review item, never an exception. */
export type PurposeHandler = (tx: Tx, news: readonly News[]) => Promise<void>

export type SettleInput = Acting & {
  readonly connection_id: string
  readonly token: bigint
  readonly outcomes: readonly Outcome[]
  /** Ranges whose last line is in this set. */
  readonly done_ranges: readonly bigint[]
  readonly batch: (id: bigint) => BatchInfo
  readonly handlers: Readonly<Record<string, PurposeHandler>>
  /** True for the word of the people who looked at a line: only that, and a payment, ends a REVIEW. */
  readonly by_people?: boolean
}

/**
 * Settles a set of outcomes in the caller's transaction: first the state change; the rows that it answers (never the
 * answers of the rail) make the ledger lines, the counters and the purpose's news. Running it twice settles once.
 */
export async function settle(tx: Tx, input: SettleInput): Promise<SettledRow[]> {
  const { connection_id, token, outcomes } = input
  const changed = await input.store.settleLines(tx, connection_id, token, outcomes, input.by_people ?? false)
  crashPoint('settle.changed')
  await followUp(tx, input, changed)
  if (input.done_ranges.length > 0)
    await input.store.finishRanges(tx, connection_id, token, input.done_ranges)

  const money = changed.filter((row) => row.outcome === 'PAID' || row.outcome === 'FAILED')
  await tellPurposes(tx, input, money)
  const set_id = input.newId()
  if (changed.length > 0)
    await input.store.record(tx, {
      actor: 'engine',
      action: 'payouts.settled',
      subject: connection_id,
      detail: {
        set_id,
        paid: count(changed, 'PAID'),
        failed: count(changed, 'FAILED'),
        other: changed.length - money.length,
      },
    })
  const batches = [...new Set(changed.map((row) => row.batch_id))]
  if (batches.length > 0) await input.store.notifyProgress(tx, batches)
  await askAboutFees(tx, input, changed)
  await input.store.post(tx, await entriesOf(tx, input, changed, set_id))
  return changed
}

const count = (rows: readonly SettledRow[], outcome: string): number =>
  rows.filter((row) => row.outcome === outcome).length

const keyOf = (row: { batch_id: bigint; seq: number }): string => `${row.batch_id}:${row.seq}`

/** Pursuits and evidence of the lines that did not simply succeed. */
async function followUp(tx: Tx, input: SettleInput, changed: readonly SettledRow[]): Promise<void> {
  const by_key = new Map(input.outcomes.map((o) => [keyOf(o), o]))
  const opened: PursuitChange[] = []
  const closed: SettledRow[] = []
  const evidence: Parameters<PaymentStore['insertEvidence']>[1][number][] = []
  for (const row of changed) {
    const outcome = by_key.get(keyOf(row))
    if (outcome === undefined) throw new Error(`no outcome was given for line ${keyOf(row)}`)
    if (row.outcome === 'LATE') {
      await bookLate(tx, input, row, outcome)
      continue
    }
    const pursuit = outcome.pursuit
    if (row.outcome === 'PAID' || row.outcome === 'FAILED') {
      if (row.was_uncertain || outcome.pursued) closed.push(row)
    } else {
      if (pursuit === undefined) throw new Error(`${row.outcome} without a pursuit: line ${keyOf(row)}`)
      const attempt = row.outcome === 'RETRY' ? row.attempt + 1 : row.attempt
      opened.push({ ...pursuit, batch_id: row.batch_id, seq: row.seq, attempt, state: row.outcome })
    }
    if (row.outcome !== 'PAID' || outcome.pursued)
      evidence.push({
        ...row,
        what: row.outcome,
        said: { ...outcome.said, because: pursuit?.because ?? outcome.code },
      })
  }
  if (opened.length > 0) await input.store.upsertPursuits(tx, input.connection_id, input.token, opened)
  if (closed.length > 0)
    await input.store.deletePursuits(
      tx,
      closed.map((row) => row.batch_id),
      closed.map((row) => row.seq),
    )
  if (evidence.length > 0) await input.store.insertEvidence(tx, evidence)
}

async function tellPurposes(tx: Tx, input: SettleInput, money: readonly SettledRow[]): Promise<void> {
  const by_batch = Map.groupBy(money, (row) => row.batch_id)
  const by_purpose = Map.groupBy(by_batch, ([id]) => input.batch(id).purpose)
  for (const [purpose, batches] of by_purpose) {
    const handler = input.handlers[purpose]
    if (handler === undefined) throw new Error(`no handler for purpose ${purpose}`)
    await handler(
      tx,
      batches.map(([batch_id, rows]) => ({
        batch_id,
        finished: rows.some((row) => row.finished),
        lines: rows.map((row) => ({ seq: row.seq, outcome: row.outcome === 'PAID' ? 'PAID' : 'FAILED' })),
      })),
    )
  }
}

/** A fee above the allowance has left already: who bears it is for people to say. */
async function askAboutFees(tx: Tx, input: SettleInput, changed: readonly SettledRow[]): Promise<void> {
  for (const row of changed) {
    if (row.outcome !== 'PAID') continue
    const above = row.fee - input.batch(row.batch_id).fee_cap
    if (above > 0n) await input.store.insertFeeQuestion(tx, row, above)
  }
}

/** At most one entry for what was paid and one for what returns to payers, whatever the number of lines. */
async function entriesOf(
  tx: Tx,
  input: SettleInput,
  changed: readonly SettledRow[],
  set_id: string,
): Promise<Entry[]> {
  const paid: Line[] = []
  const returned: Line[] = []
  const floats = new Map<string, { float: bigint; provider: bigint | undefined }>()
  for (const row of changed) {
    if (row.outcome !== 'PAID' && row.outcome !== 'FAILED') continue
    const batch = input.batch(row.batch_id)
    const held = row.amount + batch.fee_cap
    const key = { batch_id: row.batch_id, seq: row.seq, attempt: row.attempt }
    if (row.outcome === 'FAILED') {
      returned.push({ ...key, account: batch.hold_account_id, amount: -held })
      returned.push({ ...key, account: batch.payer_ledger_id, amount: held })
      continue
    }
    const known = floats.get(batch.currency) ?? {
      float: await floatOf(tx, input, batch.currency),
      provider: undefined,
    }
    floats.set(batch.currency, known)
    const within = row.fee < batch.fee_cap ? row.fee : batch.fee_cap
    paid.push({ ...key, account: batch.hold_account_id, amount: -held })
    paid.push({ ...key, account: known.float, amount: row.amount + row.fee })
    if (batch.fee_cap > within)
      paid.push({ ...key, account: batch.payer_ledger_id, amount: batch.fee_cap - within })
    if (row.fee > within) {
      // The money has left; who bears what the hold did not cover is decided by people.
      known.provider ??= await input.store.systemAccount(tx, 'fees:provider', batch.currency)
      paid.push({ ...key, account: known.provider, amount: within - row.fee })
    }
  }
  const entries: Entry[] = []
  if (paid.length > 0) entries.push({ reason: `payouts.paid:${set_id}`, kind: 'payouts.paid', lines: paid })
  if (returned.length > 0)
    entries.push({ reason: `payouts.returned:${set_id}`, kind: 'payouts.returned', lines: returned })
  return entries
}

const floatOf = (tx: Tx, input: SettleInput, currency: Currency): Promise<bigint> =>
  input.store.systemAccount(tx, `float:${input.connection_id}`, currency)

/**
 * A success for a line that was closed otherwise, or for an attempt that the rail had refused: the money has left, so
 * it is booked as a loss, shouted about, and the line, where still open, is stopped for people to look at.
 */
async function bookLate(tx: Tx, input: SettleInput, row: SettledRow, outcome: Outcome): Promise<void> {
  const { currency } = input.batch(row.batch_id)
  const name = `${row.batch_id}:${row.seq}:${row.attempt}`
  const amount = row.amount + row.fee
  const key = { batch_id: row.batch_id, seq: row.seq, attempt: row.attempt }
  const posted = await input.store.post(tx, [
    {
      reason: `payout.paid-late:${name}`,
      kind: 'payout.paid-late',
      lines: [
        { ...key, account: await floatOf(tx, input, currency), amount },
        {
          ...key,
          account: await input.store.systemAccount(tx, `loss:${input.connection_id}`, currency),
          amount: -amount,
        },
      ],
    },
  ])
  if (posted.size === 0) return
  await input.store.record(tx, {
    actor: 'engine',
    action: 'payout.paid-late',
    subject: `line:${name}`,
    detail: { amount: String(amount) },
  })
  await input.store.insertEvidence(tx, [{ ...key, what: 'PAID_LATE', said: outcome.said ?? {} }])
  const because = `attempt ${row.attempt} was paid after all`
  await input.store.markPaidLate(tx, row.batch_id, row.seq, because)
  const open = await input.store.selectOpenAttempt(tx, row.batch_id, row.seq)
  if (open === undefined) return
  const stopped: Outcome = {
    ...key,
    attempt: open.attempt,
    word: 'REVIEW',
    code: 'REVIEW',
    message: because,
    pursued: true,
    pursuit: { rail_reference: outcome.pursuit?.rail_reference ?? '', after_ms: 0, because },
  }
  const token = await input.store.currentToken(tx, input.connection_id)
  await settle(tx, { ...input, token, outcomes: [stopped], done_ranges: [] })
}
