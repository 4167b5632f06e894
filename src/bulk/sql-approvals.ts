import { sql, type Tx } from '../platform/db.ts'

export type ApprovalState = 'WAITING' | 'APPROVED' | 'REJECTED' | 'CANCELLED'

export type Approval = {
  readonly state: ApprovalState
  readonly list_hash: string
  readonly maker_people: readonly bigint[]
}

export const insertApproval = (
  tx: Tx,
  a: {
    readonly batch_id: bigint
    readonly approval_over: bigint
    readonly list_hash: string
    readonly maker_people: readonly bigint[]
  },
): Promise<number> =>
  tx.run(sql`
    insert into bulk_approvals (batch_id, approval_over, list_hash, maker_people)
    values (${a.batch_id}, ${a.approval_over}, ${a.list_hash}, ${[...a.maker_people]}::bigint[])`)

/** Locked before the batch itself: whoever approves, rejects or cancels comes one after the other. */
export async function lockApproval(tx: Tx, batch_id: bigint): Promise<Approval | undefined> {
  const row = await tx.maybeOne<Approval>(sql`
    select state, list_hash, maker_people from bulk_approvals where batch_id = ${batch_id} for no key update`)
  // Arrays of bigint come as text.
  return row && { ...row, maker_people: row.maker_people.map(BigInt) }
}

export const decideApproval = (
  tx: Tx,
  batch_id: bigint,
  decision: {
    readonly state: Exclude<ApprovalState, 'WAITING'>
    readonly by: string
    readonly person_id: bigint | null
    readonly reason: string | null
  },
): Promise<number> =>
  tx.run(sql`
    update bulk_approvals
    set state = ${decision.state}, decided_by = ${decision.by}, decided_person_id = ${decision.person_id},
      decided_at = cauri_now(), reason = ${decision.reason}
    where batch_id = ${batch_id} and state = 'WAITING'`)
