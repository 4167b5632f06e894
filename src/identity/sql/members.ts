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

/** His roles, held until the transaction ends: who takes them away waits, or was first. None of somebody who is not active. */
export const lockRoles = async (
  tx: Tx,
  { organization_id, person_id }: { readonly organization_id: bigint; readonly person_id: bigint },
): Promise<readonly MemberRole[]> =>
  (
    await tx.maybeOne<{ roles: MemberRole[] }>(sql`
      select m.roles from identity_members m join identity_people p on p.id = m.person_id
      where m.organization_id = ${organization_id} and m.person_id = ${person_id} and p.is_active
      for share`)
  )?.roles ?? []

/** Whom to tell of something: active members with this role, where they are reached, in their language. */
export type Reached = {
  readonly person_id: bigint
  readonly phone_number: string
  readonly email: string | null
  readonly language: 'fr' | 'en'
}

export const listReached = (db: Reader, organization_id: bigint, role: MemberRole): Promise<Reached[]> =>
  db.many(sql`
    select p.id as person_id, p.phone_number, p.email, p.preferred_language as language
    from identity_members m join identity_people p on p.id = m.person_id
    where m.organization_id = ${organization_id} and ${role} = any (m.roles) and p.is_active
      and p.phone_verified_at is not null
    order by p.id limit 100`)

export type MemberRow = {
  readonly person_id: bigint
  readonly first_name: string
  readonly last_name: string
  readonly phone_number: string
  readonly roles: readonly MemberRole[]
  readonly is_active: boolean
  readonly created_at: Date
}

export const listMembers = (db: Reader, organization_id: bigint): Promise<MemberRow[]> =>
  db.many(sql`
    select m.person_id, p.first_name, p.last_name, p.phone_number, m.roles, p.is_active, m.created_at
    from identity_members m join identity_people p on p.id = m.person_id
    where m.organization_id = ${organization_id} order by m.person_id limit 1000`)

export type LockedMember = {
  readonly person_id: bigint
  readonly roles: readonly MemberRole[]
  /** False of who is blocked: he can do nothing with his roles. */
  readonly is_active: boolean
}

/**
 * All members of an organisation with their roles, locked in their order: whoever changes one of them comes one after the
 * other, so that two cannot each take the other's last treasurer away.
 */
export const lockMembers = (tx: Tx, organization_id: bigint): Promise<LockedMember[]> =>
  tx.many(sql`
    select m.person_id, m.roles, p.is_active
    from identity_members m join identity_people p on p.id = m.person_id
    where m.organization_id = ${organization_id} order by m.person_id for no key update of m`)

export const deleteMember = (tx: Tx, organization_id: bigint, person_id: bigint): Promise<number> =>
  tx.run(sql`
    delete from identity_members where organization_id = ${organization_id} and person_id = ${person_id}`)
