import { sql, type Reader, type Tx } from '../platform/db.ts'
import type { KycStatus, Person } from './person.ts'

/** What whoever checks identities must know of a person. */
export type KycFacts = Pick<
  Person,
  | 'id'
  | 'phone_number'
  | 'first_name'
  | 'last_name'
  | 'preferred_language'
  | 'address_country'
  | 'phone_verified_at'
  | 'kyc_status'
  | 'is_active'
> & {
  readonly kyc_verified_at: Date | null
  /** Null: the proof has no end. */
  readonly kyc_expires_at: Date | null
  readonly erased_at: Date | null
}

export const readKycFacts = (db: Reader, person_id: bigint): Promise<KycFacts | undefined> =>
  db.maybeOne(sql`
    select id, phone_number, first_name, last_name, preferred_language, address_country, phone_verified_at, kyc_status,
      is_active, kyc_verified_at, kyc_expires_at, erased_at
    from identity_people where id = ${person_id}`)

/** The same, locked: what is decided about a person's identity, or counted against it, is so by one transaction at a time. */
export const lockKycFacts = (tx: Tx, person_id: bigint): Promise<KycFacts | undefined> =>
  tx.maybeOne(sql`
    select id, phone_number, first_name, last_name, preferred_language, address_country, phone_verified_at, kyc_status,
      is_active, kyc_verified_at, kyc_expires_at, erased_at
    from identity_people where id = ${person_id} for no key update`)

/** Sets the status; VERIFIED counts from now to `expires_at`. */
export const setKycStatus = (
  tx: Tx,
  id: bigint,
  { status, expires_at }: { readonly status: KycStatus; readonly expires_at: Date | null },
): Promise<number> =>
  tx.run(sql`
    update identity_people set kyc_status = ${status}, updated_at = cauri_now(),
      kyc_verified_at = case when ${status}::text = 'VERIFIED' then cauri_now() else kyc_verified_at end,
      kyc_expires_at = case when ${status}::text = 'VERIFIED' then ${expires_at}::timestamptz else kyc_expires_at end
    where id = ${id}`)

/** Whose proof has ended by now, oldest end first. */
export const listKycExpired = (db: Reader, limit: number): Promise<{ id: bigint }[]> =>
  db.many(sql`
    select id from identity_people where kyc_status = 'VERIFIED' and kyc_expires_at <= cauri_now()
    order by kyc_expires_at, id limit ${limit}`)
