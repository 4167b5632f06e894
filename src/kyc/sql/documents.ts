import { sql, type Reader, type Tx } from '../../platform/db.ts'
import type { WrappedKey } from '../../platform/crypto/envelope.ts'
import type { DocumentType, DocumentWarning, IdType } from '../document.ts'

export type DocumentRow = {
  readonly id: string
  readonly person_id: bigint
  readonly document_type: DocumentType
  readonly id_type: IdType | null
  readonly country: string | null
  readonly media_type: 'image/jpeg' | 'application/pdf'
  readonly bytes: number
  readonly width: number | null
  readonly height: number | null
  readonly file_name: string | null
  readonly warnings: readonly DocumentWarning[]
  readonly uploaded_at: Date
  readonly superseded_at: Date | null
  readonly erased_at: Date | null
}

export type NewDocument = Omit<DocumentRow, 'uploaded_at' | 'superseded_at' | 'erased_at'> & WrappedKey

/** The one of its type that counted until now stays, as a former one. */
export const supersede = (tx: Tx, person_id: bigint, type: DocumentType): Promise<number> =>
  tx.run(sql`
    update kyc_documents set superseded_at = greatest(uploaded_at, cauri_now())
    where person_id = ${person_id} and document_type = ${type} and superseded_at is null and erased_at is null`)

export const insertDocument = (tx: Tx, one: NewDocument): Promise<number> =>
  tx.run(sql`
    insert into kyc_documents (id, person_id, document_type, id_type, country, media_type, bytes, width, height,
      file_name, warnings, key_version, wrapped_key)
    values (${one.id}, ${one.person_id}, ${one.document_type}, ${one.id_type}, ${one.country}, ${one.media_type},
      ${one.bytes}, ${one.width}, ${one.height}, ${one.file_name}, ${[...one.warnings]}::text[], ${one.key_version},
      ${one.wrapped_key})`)

export const listCurrent = (db: Reader, person_id: bigint): Promise<DocumentRow[]> =>
  db.many(sql`
    select id, person_id, document_type, id_type, country, media_type, bytes, width, height, file_name, warnings,
      uploaded_at, superseded_at, erased_at
    from kyc_documents where person_id = ${person_id} and superseded_at is null and erased_at is null
    order by uploaded_at, id`)

/** Former and erased ones too. */
export const listAll = (db: Reader, person_id: bigint): Promise<DocumentRow[]> =>
  db.many(sql`
    select id, person_id, document_type, id_type, country, media_type, bytes, width, height, file_name, warnings,
      uploaded_at, superseded_at, erased_at
    from kyc_documents where person_id = ${person_id} order by uploaded_at, id`)

export const findDocument = (
  db: Reader,
  id: string,
): Promise<
  (DocumentRow & { readonly key_version: string | null; readonly wrapped_key: Buffer | null }) | undefined
> =>
  db.maybeOne(sql`
    select id, person_id, document_type, id_type, country, media_type, bytes, width, height, file_name, warnings,
      uploaded_at, superseded_at, erased_at, key_version, wrapped_key
    from kyc_documents where id = ${id}`)

export const countSince = async (db: Reader, person_id: bigint, hours: number): Promise<number> =>
  Number(
    (
      await db.one<{ n: bigint }>(sql`
        select count(*) as n from kyc_documents
        where person_id = ${person_id} and uploaded_at > cauri_now() - ${`${hours} hours`}::interval`)
    ).n,
  )

export const hasDocument = async (db: Reader, person_id: bigint): Promise<boolean> =>
  (await db.maybeOne(sql`
    select from kyc_documents where person_id = ${person_id} and erased_at is null limit 1`)) !== undefined
