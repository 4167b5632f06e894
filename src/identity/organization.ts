import { refuseOn, sql, type Reader, type Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'

/** What is not an organisation's does not exist for it. */
export type Organization = { id: bigint; name: string }

/** The organisation of that name, made at its first use. */
export async function ensureOrganization(tx: Tx, name: string): Promise<Organization> {
  await tx.run(sql`insert into identity_organizations (name) values (${name}) on conflict (name) do nothing`)
  return tx.one(sql`select id, name from identity_organizations where name = ${name}`)
}

export const findOrganization = (db: Reader, id: bigint): Promise<Organization | undefined> =>
  db.maybeOne(sql`select id, name from identity_organizations where id = ${id}`)

export const findOrganizationByName = (db: Reader, name: string): Promise<Organization | undefined> =>
  db.maybeOne(sql`select id, name from identity_organizations where name = ${name}`)

/** Makes an organisation. Refuses ORGANIZATION_EXISTS. */
export const insertOrganization = (tx: Tx, name: string): Promise<Organization> =>
  tx
    .one<Organization>(sql`insert into identity_organizations (name) values (${name}) returning id, name`)
    .catch(
      refuseOn(
        'identity_organizations_name_key',
        () => new Refusal('ORGANIZATION_EXISTS', { members: { name } }),
      ),
    )

/** Locked: its first members are given once. */
export const lockOrganization = (tx: Tx, id: bigint): Promise<Organization | undefined> =>
  tx.maybeOne(sql`select id, name from identity_organizations where id = ${id} for no key update`)

/** All of them, or those that a person is a member of. */
export const listOrganizations = (db: Reader, member: bigint | null): Promise<Organization[]> =>
  db.many(sql`
    select id, name from identity_organizations o
    where ${member}::bigint is null or exists (
      select from identity_members m where m.organization_id = o.id and m.person_id = ${member})
    order by id limit 1000`)
