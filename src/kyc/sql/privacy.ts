import { sql, type Reader, type Tx } from '../../platform/db.ts'

export type Hold = {
  readonly id: bigint
  readonly reason: string
  readonly set_by: bigint
  readonly set_at: Date
}

export const findHold = (db: Reader, person_id: bigint): Promise<Hold | undefined> =>
  db.maybeOne(sql`
    select id, reason, set_by, set_at from kyc_holds where person_id = ${person_id} and released_at is null`)

export const insertHold = (
  tx: Tx,
  hold: { readonly person_id: bigint; readonly reason: string; readonly set_by: bigint },
): Promise<Hold> =>
  tx.one(sql`
    insert into kyc_holds (person_id, reason, set_by) values (${hold.person_id}, ${hold.reason}, ${hold.set_by})
    returning id, reason, set_by, set_at`)

export const releaseHold = (
  tx: Tx,
  person_id: bigint,
  { by, reason }: { readonly by: bigint; readonly reason: string },
): Promise<number> =>
  tx.run(sql`
    update kyc_holds set released_at = cauri_now(), released_by = ${by}, release_reason = ${reason}
    where person_id = ${person_id} and released_at is null`)

export type Erasure = {
  readonly id: bigint
  readonly person_id: bigint
  readonly state: 'REQUESTED' | 'REFUSED' | 'DONE'
  readonly requested_at: Date
  readonly decided_at: Date | null
  readonly reason: string | null
}

export const insertErasure = (tx: Tx, person_id: bigint): Promise<Erasure> =>
  tx.one(sql`
    insert into kyc_erasures (person_id) values (${person_id})
    returning id, person_id, state, requested_at, decided_at, reason`)

export const lockErasure = (tx: Tx, id: bigint): Promise<Erasure | undefined> =>
  tx.maybeOne(sql`
    select id, person_id, state, requested_at, decided_at, reason from kyc_erasures where id = ${id} for update`)

export const findErasure = (db: Reader, id: bigint): Promise<Erasure | undefined> =>
  db.maybeOne(sql`
    select id, person_id, state, requested_at, decided_at, reason from kyc_erasures where id = ${id}`)

/** Those that wait, longest waiting first. */
export const listErasures = (db: Reader, limit: number): Promise<Erasure[]> =>
  db.many(sql`
    select id, person_id, state, requested_at, decided_at, reason from kyc_erasures
    where state = 'REQUESTED' order by id limit ${limit}`)

/** The person's own, that waits. */
export const listErasuresOf = (db: Reader, person_id: bigint): Promise<Erasure[]> =>
  db.many(sql`
    select id, person_id, state, requested_at, decided_at, reason from kyc_erasures
    where person_id = ${person_id} and state = 'REQUESTED'`)

export const endErasure = (
  tx: Tx,
  id: bigint,
  said: { readonly state: 'REFUSED' | 'DONE'; readonly by: bigint; readonly reason: string | null },
): Promise<Erasure> =>
  tx.one(sql`
    update kyc_erasures set state = ${said.state}, decided_by = ${said.by}, decided_at = cauri_now(),
      reason = ${said.reason}
    where id = ${id} returning id, person_id, state, requested_at, decided_at, reason`)

/** Drops the keys: from here on the bytes are noise, wherever copies of them lie. Only those uploaded before, where it is given. */
export const eraseDocuments = async (tx: Tx, person_id: bigint, before: Date | null): Promise<string[]> => {
  const rows = await tx.many<{ id: string }>(sql`
    update kyc_documents set erased_at = greatest(uploaded_at, cauri_now()), wrapped_key = null, key_version = null,
      file_name = null
    where person_id = ${person_id} and erased_at is null
      and (${before}::timestamptz is null or uploaded_at < ${before})
    returning id`)
  return rows.map(({ id }) => id)
}

/** What the provider read on documents goes the same way. */
export const eraseFound = (tx: Tx, person_id: bigint): Promise<number> =>
  tx.run(sql`
    update kyc_checks set found_sealed = null, found_wrapped_key = null, found_key_version = null
    where person_id = ${person_id} and found_sealed is not null`)

export const eraseNote = (tx: Tx, person_id: bigint): Promise<number> =>
  tx.run(sql`update kyc_cases set note = null, review_since = null where person_id = ${person_id}`)

/** Erased, and their bytes still lie in the store. */
export const listUnremoved = (db: Reader, limit: number): Promise<{ id: string }[]> =>
  db.many(sql`
    select id from kyc_documents where erased_at is not null and file_removed_at is null
    order by erased_at, id limit ${limit}`)

export const markRemoved = (db: Reader, id: string): Promise<number> =>
  db.run(sql`
    update kyc_documents set file_removed_at = cauri_now()
    where id = ${id} and erased_at is not null and file_removed_at is null`)

/** People with documents older than so many days, by their number, after the one given. */
export const listWithOld = (
  db: Reader,
  { after, days, limit }: { readonly after: bigint; readonly days: number; readonly limit: number },
): Promise<{ person_id: bigint }[]> =>
  db.many(sql`
    select distinct person_id from kyc_documents
    where erased_at is null and uploaded_at < cauri_now() - ${`${days} days`}::interval and person_id > ${after}
    order by person_id limit ${limit}`)

/** Which of these documents are kept. */
export const listKept = (db: Reader, ids: readonly string[]): Promise<{ id: string }[]> =>
  db.many(sql`select id from kyc_documents where id = any(${[...ids]}::text[]) and erased_at is null`)
