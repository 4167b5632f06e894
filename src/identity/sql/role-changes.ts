import { sql, type Reader, type Tx } from '../../platform/db.ts'
import type { PersonRole } from '../person.ts'

export type RoleChange = {
  readonly id: bigint
  readonly person_id: bigint
  readonly roles_before: readonly PersonRole[]
  readonly roles: readonly PersonRole[]
  readonly proposed_by: bigint
  readonly proposed_at: Date
  readonly expires_at: Date
}

export type Decision = 'CONFIRMED' | 'REJECTED' | 'REPLACED'

/** In the place of one that waited for the same person. */
export async function insertRoleChange(
  tx: Tx,
  change: Omit<RoleChange, 'id' | 'proposed_at' | 'expires_at'> & { readonly lasts_s: number },
): Promise<RoleChange> {
  await tx.run(sql`
    update identity_role_changes
    set state = 'REPLACED', decided_by = ${change.proposed_by}, decided_at = cauri_now()
    where person_id = ${change.person_id} and state = 'OPEN'`)
  return tx.one(sql`
    insert into identity_role_changes (person_id, roles_before, roles, proposed_by, expires_at)
    values (${change.person_id}, ${[...change.roles_before]}::text[], ${[...change.roles]}::text[],
      ${change.proposed_by}, cauri_now() + ${change.lasts_s}::float8 * interval '1 second')
    returning id, person_id, roles_before, roles, proposed_by, proposed_at, expires_at`)
}

export const findRoleChange = (db: Reader, id: bigint): Promise<Pick<RoleChange, 'person_id'> | undefined> =>
  db.maybeOne(sql`select person_id from identity_role_changes where id = ${id} and state = 'OPEN'`)

/** One that waits, locked: of two decisions at once one is made. */
export const lockRoleChange = (tx: Tx, id: bigint): Promise<RoleChange | undefined> =>
  tx.maybeOne(sql`
    select id, person_id, roles_before, roles, proposed_by, proposed_at, expires_at from identity_role_changes
    where id = ${id} and state = 'OPEN' and expires_at > cauri_now() for update`)

export const decideRoleChange = (
  tx: Tx,
  id: bigint,
  by: { readonly decision: Decision; readonly person_id: bigint },
): Promise<number> =>
  tx.run(sql`
    update identity_role_changes
    set state = ${by.decision}, decided_by = ${by.person_id}, decided_at = cauri_now() where id = ${id}`)

/** Those that wait, newest first; of one person, or of all. */
export const listRoleChanges = (db: Reader, person_id: bigint | null): Promise<RoleChange[]> =>
  db.many(sql`
    select id, person_id, roles_before, roles, proposed_by, proposed_at, expires_at from identity_role_changes
    where state = 'OPEN' and expires_at > cauri_now()
      and (${person_id}::bigint is null or person_id = ${person_id})
    order by id desc limit 200`)
