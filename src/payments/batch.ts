import { randomBytes } from 'node:crypto'
import { openAccount, post } from '../ledger/index.ts'
import { brokenConstraint, type Reader, type Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import type { PartyType } from '../platform/party.ts'
import type { Acting } from './engine/ports.ts'
import type { PurposeHandler } from './engine/settle.ts'
import { production } from './production.ts'
import type { AccountRow } from './sql/accounts.ts'
import { lockAccount } from './sql/accounts.ts'
import * as q from './sql/batches.ts'

/** One order of a new batch. Amount in minor units; `extra` is what the customer's file said besides, as JSON text. */
export type NewLine = {
  readonly seq: number
  readonly transfer_id: string
  readonly amount: bigint
  readonly party_type: PartyType
  readonly party_identifier: string
  readonly payee_name: string
  readonly extra: string
}

export const nextBatchId = q.nextBatchId

/**
 * Writes the lines of a new batch in constant memory. A transfer id that this payer's open or paid lines already use
 * breaks the unique index: see `isTransferIdTaken`.
 */
export async function writeLines(
  tx: Tx,
  batch_id: bigint,
  account: AccountRow,
  lines: AsyncIterable<readonly NewLine[]>,
): Promise<void> {
  const prefix = `${batch_id}\t`
  async function* chunks(): AsyncGenerator<string> {
    for await (const set of lines) {
      let text = ''
      for (const line of set)
        text +=
          `${prefix}${line.seq}\t${account.id}\t${copyText(line.transfer_id)}\t${line.amount}\t${line.party_type}\t` +
          `${copyText(line.party_identifier)}\t${copyText(line.payee_name)}\t${copyText(line.extra)}\n`
      yield text
    }
  }
  await q.copyLines(tx, chunks())
}

/** A value in COPY's text format; the empty string is null. */
function copyText(value: string): string {
  if (value === '') return '\\N'
  return /[\\\t\n\r]/.test(value)
    ? value.replace(/[\\\t\n\r]/g, (c) =>
        c === '\t' ? '\\t' : c === '\n' ? '\\n' : c === '\r' ? '\\r' : '\\\\',
      )
    : value
}

/** True for the error of a transfer id that is already used by this payer. */
export const isTransferIdTaken = (error: unknown): boolean =>
  brokenConstraint(error) === 'payments_lines_transfer'

/** Waits for whoever reserves for this payer now: checks made after it see what that one did. */
export const lockPayer = async (tx: Tx, account: AccountRow): Promise<void> =>
  void (await lockAccount(tx, account.id))

export type Reservation = {
  readonly batch_id: bigint
  readonly connection_id: string
  readonly purpose: string
  readonly fee_cap: bigint
  readonly total: number
  readonly total_amount: bigint
  /** Nothing of it is claimed before `approveBatch`. */
  readonly awaits_approval?: boolean
}

/**
 * Reserves the money of a batch whose lines are written: from the payer's account into the batch's own hold account,
 * amounts and fee allowances together. After it no line needs a balance check. Refuses INSUFFICIENT_FUNDS with what
 * is available and what is needed. Call it under `lockPayer`.
 */
export async function reserve(
  tx: Tx,
  account: AccountRow,
  available: bigint,
  reservation: Reservation,
): Promise<void> {
  const { batch_id, total, total_amount, fee_cap } = reservation
  const needed = total_amount + fee_cap * BigInt(total)
  const short = (): Refusal =>
    new Refusal('INSUFFICIENT_FUNDS', {
      detail: {
        en: `${needed} ${account.currency} are needed, ${available} are available.`,
        fr: `Il faut ${needed} ${account.currency} ; ${available} sont disponibles.`,
      },
      members: { available: Number(available), needed: Number(needed), currency: account.currency },
    })
  if (available < needed) throw short()
  const hold_account_id = await openAccount(tx, `bulk:${batch_id}`, account.currency)
  const { currency } = account
  await q.insertBatch(tx, {
    id: batch_id,
    connection_id: reservation.connection_id,
    account_id: account.id,
    hold_account_id,
    purpose: reservation.purpose,
    secret: randomBytes(16),
    currency,
    fee_cap,
    total,
    total_amount,
    awaits_approval: reservation.awaits_approval === true,
  })
  const lines = [
    { account: account.ledger_account_id, amount: -needed, batch_id },
    { account: hold_account_id, amount: needed, batch_id },
  ]
  await post(tx, [{ reason: `batch.reserved:${batch_id}`, kind: 'batch.reserved', lines }]).catch(
    (error: unknown) => {
      // The floor in the schema is the second guard of the same rule.
      throw error instanceof Refusal && error.code === 'LEDGER_INSUFFICIENT_FUNDS' ? short() : error
    },
  )
}

/**
 * Cancels what no worker has claimed, and what waits for a new attempt; their money returns to the payer in this
 * transaction. Everything else ends by its own outcome. Answers how many lines were cancelled; refuses
 * BULK_NOTHING_TO_CANCEL when there are none.
 */
export async function cancelBatch(
  tx: Tx,
  batch_id: bigint,
  handlers: Readonly<Record<string, PurposeHandler>>,
  { store, newId }: Acting = production,
): Promise<number> {
  const batch = await store.lockBatch(tx, batch_id)
  if (batch.finished_at !== null) throw new Refusal('BULK_NOTHING_TO_CANCEL')
  const unclaimed = await store.cancelUnclaimed(tx, batch_id, batch.next_seq)
  const retries = await store.cancelRetries(tx, batch_id)
  const cancelled = unclaimed.n + retries.n
  if (cancelled === 0n) throw new Refusal('BULK_NOTHING_TO_CANCEL')
  const finished = await store.closeCursor(tx, batch_id, Number(cancelled))
  if (finished) await handlers[batch.purpose]?.(tx, [{ batch_id, finished, lines: [] }])
  const amount = unclaimed.sum + retries.sum + batch.fee_cap * cancelled
  const lines = [
    { account: batch.hold_account_id, amount: -amount, batch_id },
    { account: batch.payer_ledger_id, amount, batch_id },
  ]
  await store.post(tx, [
    {
      reason: `batch.cancelled:${batch_id}:${newId()}`,
      kind: 'batch.cancelled',
      lines,
    },
  ])
  return Number(cancelled)
}

/** Stops claiming (true) or goes on (false). Answers false when it was so already or the batch is final. */
export const pauseBatch = async (
  tx: Tx,
  batch_id: bigint,
  paused: boolean,
  reason: string | null,
  { store }: Acting = production,
): Promise<boolean> => (await store.setPaused(tx, batch_id, paused, reason)) === 1

/** Opens a batch that awaited approval: from the commit on it is claimed. Answers false when it does not await any. */
export const approveBatch = async (
  tx: Tx,
  batch_id: bigint,
  { store }: Pick<Acting, 'store'> = production,
): Promise<boolean> => (await store.setApproved(tx, batch_id)) === 1

/**
 * Writes a new batch's lines from the FAILED lines of another: the rail refused them all, so new attempts are safe.
 * The same line cannot be taken twice: its transfer id is occupied again.
 */
export async function copyFailedLines(
  tx: Tx,
  from: bigint,
  to: bigint,
  account: AccountRow,
  transfer_ids: readonly string[] | null,
): Promise<{ total: number; total_amount: bigint }> {
  const { n, sum } = await q.copyFailed(tx, from, to, account.id, transfer_ids)
  return { total: Number(n), total_amount: sum }
}

/** Which of these transfer ids this payer's open or paid lines already use. */
export const findUsedTransferIds = (
  db: Reader,
  account: AccountRow,
  ids: readonly string[],
): Promise<string[]> => q.usedTransferIds(db, account.id, ids)
