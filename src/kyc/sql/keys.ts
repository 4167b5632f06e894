import type { WrappedKey } from '../../platform/crypto/envelope.ts'
import { sql, type Tx } from '../../platform/db.ts'

type Row = WrappedKey & { readonly id: string }

/** Keys that another version than the given one wraps. */
export const lockOldDocumentKeys = (tx: Tx, newest: string, limit: number): Promise<Row[]> =>
  tx.many(sql`
    select id, key_version, wrapped_key from kyc_documents
    where wrapped_key is not null and key_version <> ${newest} order by id limit ${limit} for update`)

export const putDocumentKey = (
  tx: Tx,
  id: string,
  { key_version, wrapped_key }: WrappedKey,
): Promise<number> =>
  tx.run(sql`
    update kyc_documents set key_version = ${key_version}, wrapped_key = ${wrapped_key}
    where id = ${id} and wrapped_key is not null`)

export const lockOldFoundKeys = (tx: Tx, newest: string, limit: number): Promise<Row[]> =>
  tx.many(sql`
    select id, found_key_version as key_version, found_wrapped_key as wrapped_key from kyc_checks
    where found_wrapped_key is not null and found_key_version <> ${newest} order by id limit ${limit} for update`)

export const putFoundKey = (tx: Tx, id: string, { key_version, wrapped_key }: WrappedKey): Promise<number> =>
  tx.run(sql`
    update kyc_checks set found_key_version = ${key_version}, found_wrapped_key = ${wrapped_key}
    where id = ${id} and found_wrapped_key is not null`)
