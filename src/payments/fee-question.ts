import { refuseOn, type Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import type { Acting } from './engine/ports.ts'
import { production } from './production.ts'
import * as q from './sql/fees.ts'

export type { FeeQuestion } from './sql/fees.ts'
export const listFeeQuestions = q.selectFeeQuestions

type LineKey = { readonly batch_id: bigint; readonly seq: number }

/** One person says who bears a fee that the hold did not cover. Refuses REVIEW_NOT_FOUND. */
export async function proposeFeeQuestion(
  tx: Tx,
  line: LineKey,
  borne_by: 'PAYER' | 'HOUSE',
  by: string,
  { store }: Acting = production,
): Promise<void> {
  if ((await store.proposeAnswer(tx, line, borne_by, by)) === 0) throw new Refusal('REVIEW_NOT_FOUND')
  await store.record(tx, {
    actor: by,
    action: 'fee.proposed',
    subject: subjectOf(line),
    detail: { borne_by },
  })
}

/**
 * Another person confirms: borne by the payer, it moves from the payer's account; borne by the house, it stays in
 * `fees:provider`. Refuses REVIEW_SAME_PERSON, REVIEW_WRONG_STATE and LEDGER_INSUFFICIENT_FUNDS.
 */
export async function confirmFeeQuestion(
  tx: Tx,
  line: LineKey,
  by: string,
  { store }: Acting = production,
): Promise<'PAYER' | 'HOUSE'> {
  const [batch] = await store.selectBatchInfo(tx, [line.batch_id])
  if (batch === undefined) throw new Refusal('REVIEW_NOT_FOUND')
  const samePerson = refuseOn('payments_fee_questions_two_people', () => new Refusal('REVIEW_SAME_PERSON'))
  const answer = await store.confirmAnswer(tx, line, by).catch(samePerson)
  if (answer === undefined) throw new Refusal('REVIEW_WRONG_STATE')
  const { borne_by, amount } = answer
  await store.record(tx, {
    actor: by,
    action: 'fee.confirmed',
    subject: subjectOf(line),
    detail: { borne_by },
  })
  if (borne_by === 'PAYER')
    await store.post(tx, [
      {
        reason: `fee.charged:${line.batch_id}:${line.seq}`,
        kind: 'fee.charged',
        lines: [
          { ...line, account: batch.payer_ledger_id, amount: -amount },
          { ...line, account: await store.systemAccount(tx, 'fees:provider', batch.currency), amount },
        ],
      },
    ])
  return borne_by
}

const subjectOf = ({ batch_id, seq }: LineKey): string => `line:${batch_id}:${seq}`
