import { sql, type Reader, type Tx } from '../../platform/db.ts'

export const proposalKinds = ['SETTINGS', 'MEMBER_ROLES'] as const
export type ProposalKind = (typeof proposalKinds)[number]
export const proposalStates = ['PROPOSED', 'CONFIRMED', 'REJECTED'] as const
export type ProposalState = (typeof proposalStates)[number]

export type ProposalRow = {
  readonly id: string
  readonly organization_id: bigint
  readonly kind: ProposalKind
  readonly payload: unknown
  readonly subject_person_id: bigint | null
  readonly proposed_by: string
  readonly proposed_person_id: bigint
  readonly created_at: Date
  readonly state: ProposalState
  readonly decided_by: string | null
  readonly decided_at: Date | null
}

export const insertProposal = (
  tx: Tx,
  p: Pick<
    ProposalRow,
    'id' | 'organization_id' | 'kind' | 'subject_person_id' | 'proposed_by' | 'proposed_person_id'
  > & { readonly payload: object },
): Promise<ProposalRow> =>
  tx.one(sql`
    insert into identity_proposals
      (id, organization_id, kind, payload, subject_person_id, proposed_by, proposed_person_id)
    values (${p.id}, ${p.organization_id}, ${p.kind}, ${JSON.stringify(p.payload)}::jsonb, ${p.subject_person_id},
      ${p.proposed_by}, ${p.proposed_person_id})
    returning id, organization_id, kind, payload, subject_person_id, proposed_by, proposed_person_id, created_at, state,
      decided_by, decided_at`)

/** Null: any organisation's, for who runs the installation. Locked: it is decided once. */
export const lockProposal = (
  tx: Tx,
  organization_id: bigint | null,
  id: string,
): Promise<ProposalRow | undefined> =>
  tx.maybeOne(sql`
    select id, organization_id, kind, payload, subject_person_id, proposed_by, proposed_person_id, created_at, state,
      decided_by, decided_at
    from identity_proposals
    where id = ${id} and (${organization_id}::bigint is null or organization_id = ${organization_id})
    for no key update`)

/** The newest first. */
export const listProposals = (
  db: Reader,
  organization_id: bigint | null,
  state: ProposalState | null,
): Promise<ProposalRow[]> =>
  db.many(sql`
    select id, organization_id, kind, payload, subject_person_id, proposed_by, proposed_person_id, created_at, state,
      decided_by, decided_at
    from identity_proposals
    where (${organization_id}::bigint is null or organization_id = ${organization_id})
      and (${state}::text is null or state = ${state})
    order by created_at desc, id desc limit 200`)

export const decideProposal = (
  tx: Tx,
  id: string,
  decision: {
    readonly state: Exclude<ProposalState, 'PROPOSED'>
    readonly by: string
    readonly person_id: bigint
  },
): Promise<number> =>
  tx.run(sql`
    update identity_proposals
    set state = ${decision.state}, decided_by = ${decision.by}, decided_person_id = ${decision.person_id},
      decided_at = cauri_now()
    where id = ${id} and state = 'PROPOSED'`)
