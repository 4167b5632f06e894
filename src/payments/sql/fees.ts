import { sql, type Reader, type Tx } from '../../platform/db.ts'
import type { Currency } from '../../platform/money.ts'

export const insertFeeQuestion = (
  tx: Tx,
  line: { readonly batch_id: bigint; readonly seq: number; readonly attempt: number },
  amount: bigint,
): Promise<number> =>
  tx.run(sql`
    insert into payments_fee_questions (batch_id, seq, attempt, amount)
    values (${line.batch_id}, ${line.seq}, ${line.attempt}, ${amount}) on conflict do nothing`)

export type FeeQuestion = {
  batch_id: bigint
  seq: number
  transfer_id: string
  amount: bigint
  currency: Currency
  asked_at: Date
  borne_by: 'PAYER' | 'HOUSE' | null
  proposed_by: string | null
}

/** The open questions, oldest first. */
export const selectFeeQuestions = (db: Reader, limit: number): Promise<FeeQuestion[]> =>
  db.many(sql`
    select f.batch_id, f.seq, l.transfer_id, f.amount, b.currency, f.asked_at, f.borne_by, f.proposed_by
    from payments_fee_questions f
    join payments_batches b on b.id = f.batch_id
    join payments_lines l on l.batch_id = f.batch_id and l.seq = f.seq
    where f.confirmed_by is null order by f.asked_at, f.batch_id, f.seq limit ${limit}`)

export const proposeAnswer = (
  tx: Tx,
  line: { readonly batch_id: bigint; readonly seq: number },
  borne_by: 'PAYER' | 'HOUSE',
  by: string,
): Promise<number> =>
  tx.run(sql`
    update payments_fee_questions set borne_by = ${borne_by}, proposed_by = ${by}
    where batch_id = ${line.batch_id} and seq = ${line.seq} and confirmed_by is null`)

export const confirmAnswer = (
  tx: Tx,
  line: { readonly batch_id: bigint; readonly seq: number },
  by: string,
): Promise<{ borne_by: 'PAYER' | 'HOUSE'; amount: bigint } | undefined> =>
  tx.maybeOne(sql`
    update payments_fee_questions set confirmed_by = ${by}, confirmed_at = cauri_now()
    where batch_id = ${line.batch_id} and seq = ${line.seq} and confirmed_by is null and borne_by is not null
    returning borne_by, amount`)
