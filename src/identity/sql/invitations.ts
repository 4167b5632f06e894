import { sql, type Reader, type Tx } from '../../platform/db.ts'
import type { MemberRole } from '../matrix.ts'

export type NewInvitation = {
  readonly id: string
  readonly organization_id: bigint
  readonly phone_number: string | null
  readonly email: string | null
  readonly roles: readonly MemberRole[]
  readonly language: 'fr' | 'en'
  readonly token_hash: Buffer
  readonly invited_by: string
  readonly invited_person_id: bigint
  readonly lasts_s: number
}

export const insertInvitation = (tx: Tx, i: NewInvitation): Promise<number> =>
  tx.run(sql`
    insert into identity_invitations (id, organization_id, phone_number, email, roles, language, token_hash, invited_by,
      invited_person_id, expires_at)
    values (${i.id}, ${i.organization_id}, ${i.phone_number}, ${i.email}, ${[...i.roles]}::text[], ${i.language},
      ${i.token_hash}, ${i.invited_by}, ${i.invited_person_id}, cauri_now() + ${i.lasts_s}::float8 * interval '1 second')`)

export type InvitationRow = {
  readonly id: string
  readonly phone_number: string | null
  readonly email: string | null
  readonly roles: readonly MemberRole[]
  readonly invited_by: string
  readonly created_at: Date
  readonly expires_at: Date
  readonly state: 'OPEN' | 'ACCEPTED' | 'REVOKED' | 'EXPIRED'
}

/** The newest first; one of them by its id. */
export const listInvitations = (
  db: Reader,
  organization_id: bigint,
  id: string | null = null,
): Promise<InvitationRow[]> =>
  db.many(sql`
    select id, phone_number, email, roles, invited_by, created_at, expires_at,
      case when accepted_at is not null then 'ACCEPTED' when revoked_at is not null then 'REVOKED'
        when expires_at <= cauri_now() then 'EXPIRED' else 'OPEN' end as state
    from identity_invitations
    where organization_id = ${organization_id} and (${id}::text is null or id = ${id})
    order by created_at desc, id desc limit 200`)

export const revokeInvitation = (tx: Tx, organization_id: bigint, id: string, by: string): Promise<number> =>
  tx.run(sql`
    update identity_invitations set revoked_at = cauri_now(), revoked_by = ${by}
    where organization_id = ${organization_id} and id = ${id} and accepted_at is null and revoked_at is null
      and expires_at > cauri_now()`)

export type OpenInvitation = {
  readonly id: string
  readonly organization_id: bigint
  readonly organization: string
  readonly phone_number: string | null
  readonly email: string | null
  readonly roles: readonly MemberRole[]
  readonly invited_by: string
  readonly invited_person_id: bigint
}

/** An invitation that can be accepted now, locked: one acceptance counts. */
export const lockOpenInvitation = (tx: Tx, token_hash: Buffer): Promise<OpenInvitation | undefined> =>
  tx.maybeOne(sql`
    select i.id, i.organization_id, o.name as organization, i.phone_number, i.email, i.roles, i.invited_by,
      i.invited_person_id
    from identity_invitations i join identity_organizations o on o.id = i.organization_id
    where i.token_hash = ${token_hash} and i.accepted_at is null and i.revoked_at is null
      and i.expires_at > cauri_now()
    for no key update of i`)

export const markAccepted = (tx: Tx, id: string, person_id: bigint): Promise<number> =>
  tx.run(sql`
    update identity_invitations set accepted_at = cauri_now(), accepted_person_id = ${person_id}
    where id = ${id} and accepted_at is null`)
