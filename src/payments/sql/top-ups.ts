import { sql, type Reader, type Tx } from '../../platform/db.ts'

export const topUpStates = ['PROPOSED', 'BOOKED', 'REJECTED'] as const
export type TopUpState = (typeof topUpStates)[number]

export type TopUpRow = {
  readonly id: string
  readonly account_id: bigint
  readonly amount: bigint
  readonly reference: string
  readonly proposed_by: string
  readonly proposed_people: readonly bigint[]
  readonly created_at: Date
  readonly state: TopUpState
  readonly decided_by: string | null
  readonly decided_at: Date | null
}

/** Arrays of bigint come as text. */
const read = (row: TopUpRow): TopUpRow => ({ ...row, proposed_people: row.proposed_people.map(BigInt) })

/** Undefined when a proposal of this account has the reference already, and was not rejected. */
export async function insertTopUp(
  tx: Tx,
  t: Pick<TopUpRow, 'id' | 'account_id' | 'amount' | 'reference' | 'proposed_by' | 'proposed_people'>,
): Promise<TopUpRow | undefined> {
  const row = await tx.maybeOne<TopUpRow>(sql`
    insert into payments_top_ups (id, account_id, amount, reference, proposed_by, proposed_people)
    values (${t.id}, ${t.account_id}, ${t.amount}, ${t.reference}, ${t.proposed_by}, ${[...t.proposed_people]}::bigint[])
    on conflict (account_id, reference) where state <> 'REJECTED' do nothing
    returning id, account_id, amount, reference, proposed_by, proposed_people, created_at, state, decided_by, decided_at`)
  return row && read(row)
}

export async function findByReference(
  db: Reader,
  account_id: bigint,
  reference: string,
): Promise<TopUpRow | undefined> {
  const row = await db.maybeOne<TopUpRow>(sql`
    select id, account_id, amount, reference, proposed_by, proposed_people, created_at, state, decided_by, decided_at
    from payments_top_ups
    where account_id = ${account_id} and reference = ${reference} and state <> 'REJECTED'`)
  return row && read(row)
}

/** Locked: it is decided once. */
export async function lockTopUp(tx: Tx, account_id: bigint, id: string): Promise<TopUpRow | undefined> {
  const row = await tx.maybeOne<TopUpRow>(sql`
    select id, account_id, amount, reference, proposed_by, proposed_people, created_at, state, decided_by, decided_at
    from payments_top_ups where account_id = ${account_id} and id = ${id} for no key update`)
  return row && read(row)
}

/** The newest first. */
export async function listTopUps(
  db: Reader,
  account_id: bigint,
  state: TopUpState | null,
): Promise<TopUpRow[]> {
  const rows = await db.many<TopUpRow>(sql`
    select id, account_id, amount, reference, proposed_by, proposed_people, created_at, state, decided_by, decided_at
    from payments_top_ups
    where account_id = ${account_id} and (${state}::text is null or state = ${state})
    order by created_at desc, id desc limit 200`)
  return rows.map(read)
}

export const decideTopUp = (
  tx: Tx,
  id: string,
  decision: {
    readonly state: Exclude<TopUpState, 'PROPOSED'>
    readonly by: string
    readonly person_id: bigint
  },
): Promise<number> =>
  tx.run(sql`
    update payments_top_ups
    set state = ${decision.state}, decided_by = ${decision.by}, decided_person_id = ${decision.person_id},
      decided_at = cauri_now()
    where id = ${id} and state = 'PROPOSED'`)
