import { sql, type Reader, type Tx } from '../platform/db.ts'
import type { NewsKind } from './kinds.ts'

export type InApp = {
  readonly id: bigint
  readonly kind: NewsKind
  readonly title: string
  readonly text: string
  readonly at: Date
  readonly read_at: Date | null
}

export const addInApp = (
  tx: Tx,
  person_id: bigint,
  { kind, title, text }: Pick<InApp, 'kind' | 'title' | 'text'>,
): Promise<number> =>
  tx.run(sql`
    insert into notifications_in_app (person_id, kind, title, text)
    values (${person_id}, ${kind}, ${title}, ${text})`)

/** What a person was told, newest first; `before` is the last id of the page before. */
export const listInApp = (
  db: Reader,
  person_id: bigint,
  { before, limit }: { readonly before?: bigint; readonly limit: number },
): Promise<InApp[]> =>
  db.many(sql`
    select id, kind, title, text, at, read_at from notifications_in_app
    where person_id = ${person_id} and (${before ?? null}::bigint is null or id < ${before ?? null})
    order by id desc limit ${limit}`)

export const countUnread = async (db: Reader, person_id: bigint): Promise<number> =>
  Number(
    (
      await db.one<{ n: bigint }>(sql`
        select count(*) as n from notifications_in_app where person_id = ${person_id} and read_at is null`)
    ).n,
  )

/** Marks one as read, once and for good; false when it is not this person's. */
export const markRead = async (tx: Tx, person_id: bigint, id: bigint): Promise<boolean> =>
  (await tx.run(sql`
    update notifications_in_app set read_at = coalesce(read_at, greatest(at, cauri_now()))
    where id = ${id} and person_id = ${person_id}`)) === 1

/** All that this person has not read yet. */
export const markAllRead = (tx: Tx, person_id: bigint): Promise<number> =>
  tx.run(sql`
    update notifications_in_app set read_at = greatest(at, cauri_now())
    where person_id = ${person_id} and read_at is null`)
