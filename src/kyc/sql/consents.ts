import { sql, type Reader, type Tx } from '../../platform/db.ts'

export type ConsentRow = {
  readonly id: bigint
  readonly version: string
  readonly language: 'fr' | 'en'
  readonly text_sha256: Buffer
  readonly granted_at: Date
}

export const findConsent = (
  db: Reader,
  person_id: bigint,
  version: string,
): Promise<ConsentRow | undefined> =>
  db.maybeOne(sql`
    select id, version, language, text_sha256, granted_at from kyc_consents
    where person_id = ${person_id} and version = ${version} order by id limit 1`)

export const listConsents = (db: Reader, person_id: bigint): Promise<ConsentRow[]> =>
  db.many(sql`
    select id, version, language, text_sha256, granted_at from kyc_consents
    where person_id = ${person_id} order by id`)

export const findConsentById = (db: Reader, id: bigint): Promise<ConsentRow | undefined> =>
  db.maybeOne(sql`
    select id, version, language, text_sha256, granted_at from kyc_consents where id = ${id}`)

export const insertConsent = (
  tx: Tx,
  consent: Pick<ConsentRow, 'version' | 'language' | 'text_sha256'> & { readonly person_id: bigint },
): Promise<ConsentRow> =>
  tx.one(sql`
    insert into kyc_consents (person_id, version, language, text_sha256)
    values (${consent.person_id}, ${consent.version}, ${consent.language}, ${consent.text_sha256})
    returning id, version, language, text_sha256, granted_at`)
