import { sql, type Reader, type Tx } from '../../platform/db.ts'
import type { KycStatus, Person, PersonRole } from '../person.ts'

/** A person as an administrator sees him. */
export type ListedPerson = Person & {
  readonly has_second_factor: boolean
  readonly has_password: boolean
}

export type PeopleFilter = {
  readonly role: PersonRole | null
  readonly kyc_status: KycStatus | null
  readonly is_active: boolean | null
  /** A part of the number, the name or the e-mail, whatever its case. */
  readonly search: string | null
}

export const listPeople = (
  db: Reader,
  filter: PeopleFilter,
  page: { readonly below: bigint | null; readonly limit: number; readonly offset: number },
): Promise<ListedPerson[]> =>
  db.many(sql`
    select r.*, f.person_id is not null as has_second_factor, w.person_id is not null as has_password
    from identity_people_read r
      left join identity_second_factors f on f.person_id = r.id and f.confirmed_at is not null
      left join identity_passwords w on w.person_id = r.id
    where (${filter.role}::text is null or ${filter.role} = any (r.roles))
      and (${filter.kyc_status}::text is null or r.kyc_status = ${filter.kyc_status})
      and (${filter.is_active}::boolean is null or r.is_active = ${filter.is_active})
      and (${filter.search}::text is null or strpos(
        lower(concat_ws(' ', r.phone_number, r.first_name, r.last_name, r.email)), lower(${filter.search})) > 0)
      and (${page.below}::bigint is null or r.id < ${page.below})
    order by r.id desc limit ${page.limit} offset ${page.offset}`)

export const countPeople = async (db: Reader, filter: PeopleFilter): Promise<number> =>
  Number(
    (
      await db.one<{ n: bigint }>(sql`
        select count(*) as n from identity_people_read r
        where (${filter.role}::text is null or ${filter.role} = any (r.roles))
          and (${filter.kyc_status}::text is null or r.kyc_status = ${filter.kyc_status})
          and (${filter.is_active}::boolean is null or r.is_active = ${filter.is_active})
          and (${filter.search}::text is null or strpos(
            lower(concat_ws(' ', r.phone_number, r.first_name, r.last_name, r.email)), lower(${filter.search})) > 0)`)
    ).n,
  )

export const findListed = (db: Reader, id: bigint): Promise<ListedPerson | undefined> =>
  db.maybeOne(sql`
    select r.*, f.person_id is not null as has_second_factor, w.person_id is not null as has_password
    from identity_people_read r
      left join identity_second_factors f on f.person_id = r.id and f.confirmed_at is not null
      left join identity_passwords w on w.person_id = r.id
    where r.id = ${id}`)

/** The active administrators, locked: whether one is left is decided by one transaction at a time. */
export const lockAdmins = async (tx: Tx): Promise<readonly bigint[]> =>
  (
    await tx.many<{ id: bigint }>(sql`
      select id from identity_people where 'ADMIN' = any (roles) and is_active order by id for no key update`)
  ).map(({ id }) => id)

export const setActive = (tx: Tx, id: bigint, is_active: boolean): Promise<number> =>
  tx.run(sql`
    update identity_people set is_active = ${is_active}, updated_at = cauri_now()
    where id = ${id} and is_active <> ${is_active}`)

export const setRoles = (tx: Tx, id: bigint, roles: readonly PersonRole[]): Promise<number> =>
  tx.run(sql`
    update identity_people set roles = ${[...roles]}::text[], updated_at = cauri_now() where id = ${id}`)

export type PeopleCounts = {
  readonly total: bigint
  readonly this_month: bigint
  readonly verified: bigint
  readonly active: bigint
}

export const countAllPeople = (db: Reader): Promise<PeopleCounts> =>
  db.one(sql`
    select count(*) as total,
      count(*) filter (where created_at >= date_trunc('month', cauri_now(), 'UTC')) as this_month,
      count(*) filter (where kyc_status = 'VERIFIED') as verified,
      count(*) filter (where is_active) as active
    from identity_people`)

type Counted<K> = { readonly of: K; readonly n: bigint }

/** Who has two roles counts under both. */
export const countByRole = (db: Reader): Promise<Counted<PersonRole>[]> =>
  db.many(sql`select role as of, count(*) as n from identity_people, unnest(roles) as role group by role`)

export const countByKyc = (db: Reader): Promise<Counted<KycStatus>[]> =>
  db.many(sql`select kyc_status as of, count(*) as n from identity_people group by kyc_status`)
