import { sql, type Reader, type Tx } from '../platform/db.ts'

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
