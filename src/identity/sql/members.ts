import { sql, type Reader, type Tx } from '../../platform/db.ts'
import type { MemberRole } from '../matrix.ts'

/** What a person is in an organisation. */
export type Membership = {
  readonly organization_id: bigint
  readonly organization: string
  readonly roles: readonly MemberRole[]
}

export const listMemberships = (db: Reader, person_id: bigint): Promise<Membership[]> =>
  db.many(sql`
    select m.organization_id, o.name as organization, m.roles
    from identity_members m join identity_organizations o on o.id = m.organization_id
    where m.person_id = ${person_id} order by m.organization_id`)

/** Makes a member, or gives a member these roles instead. */
export const putMember = (
  tx: Tx,
  member: {
    readonly organization_id: bigint
    readonly person_id: bigint
    readonly roles: readonly MemberRole[]
  },
): Promise<number> =>
  tx.run(sql`
    insert into identity_members (organization_id, person_id, roles)
    values (${member.organization_id}, ${member.person_id}, ${member.roles})
    on conflict (organization_id, person_id) do update set roles = excluded.roles`)

/** What each of these people is, and where. */
export const listMembershipsOf = (
  db: Reader,
  people: readonly bigint[],
): Promise<(Omit<Membership, 'organization'> & { readonly person_id: bigint })[]> =>
  db.many(sql`
    select person_id, organization_id, roles from identity_members where person_id = any (${people}::bigint[])`)
