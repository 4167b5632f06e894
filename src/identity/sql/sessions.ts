import { sql, type Reader, type Tx } from '../../platform/db.ts'
import type { PersonRole } from '../person.ts'

export type EndedBecause = 'LOGOUT' | 'REVOKED' | 'REUSE' | 'PASSWORD_CHANGED' | 'PASSWORD_RESET'

/** Where a sign-in comes from, as far as it tells. */
export type Device = { readonly address: string; readonly user_agent: string | undefined }

export const insertSession = (
  tx: Tx,
  session: {
    readonly id: string
    readonly person_id: bigint
    readonly device: Device
    readonly lasts_s: number
  },
): Promise<number> =>
  tx.run(sql`
    insert into identity_sessions (id, person_id, user_agent, address, expires_at)
    values (${session.id}, ${session.person_id}, ${session.device.user_agent?.slice(0, 200) ?? null},
      ${session.device.address}, cauri_now() + ${session.lasts_s} * interval '1 second')`)

export const insertToken = (
  tx: Tx,
  token: {
    readonly hash: Buffer
    readonly session_id: string
    readonly generation: number
    readonly lasts_s: number
  },
): Promise<number> =>
  tx.run(sql`
    insert into identity_refresh_tokens (hash, session_id, generation, expires_at)
    values (${token.hash}, ${token.session_id}, ${token.generation},
      cauri_now() + ${token.lasts_s} * interval '1 second')`)

/** The session that a refresh token belongs to, locked: its tokens are spent one after the other. */
export const lockSessionOf = (
  tx: Tx,
  hash: Buffer,
): Promise<{ id: string; person_id: bigint; is_open: boolean } | undefined> =>
  tx.maybeOne(sql`
    select s.id, s.person_id, s.ended_at is null and s.expires_at > cauri_now() and p.is_active as is_open
    from identity_sessions s join identity_people p on p.id = s.person_id
    where s.id = (select session_id from identity_refresh_tokens where hash = ${hash})
    for no key update of s`)

export type TokenRow = {
  readonly generation: number
  readonly is_spent: boolean
  readonly is_expired: boolean
  /** May be answered once more: spent a moment ago, not yet repeated, and what it gave is unused. */
  readonly is_repeatable: boolean
  readonly sealed_successor: Buffer | null
}

/** Read after the session is locked, so that nobody spends it meanwhile. */
export const readToken = (tx: Tx, hash: Buffer, repeat_s: number): Promise<TokenRow> =>
  tx.one(sql`
    select t.generation, t.spent_at is not null as is_spent, t.expires_at <= cauri_now() as is_expired,
      t.sealed_successor,
      t.spent_at is not null and t.repeated_at is null
        and cauri_now() < t.spent_at + ${repeat_s} * interval '1 second'
        and exists (select from identity_refresh_tokens n
          where n.session_id = t.session_id and n.generation = t.generation + 1 and n.spent_at is null) as is_repeatable
    from identity_refresh_tokens t where t.hash = ${hash}`)

export const spendToken = (tx: Tx, hash: Buffer, sealed_successor: Buffer): Promise<number> =>
  tx.run(sql`
    update identity_refresh_tokens set spent_at = cauri_now(), sealed_successor = ${sealed_successor}
    where hash = ${hash} and spent_at is null`)

export const markRepeated = (tx: Tx, hash: Buffer): Promise<number> =>
  tx.run(sql`
    update identity_refresh_tokens set repeated_at = cauri_now() where hash = ${hash} and repeated_at is null`)

export const touchSession = (tx: Tx, id: string): Promise<number> =>
  tx.run(sql`update identity_sessions set last_used_at = cauri_now() where id = ${id}`)

export const endSession = (
  tx: Tx,
  of: { readonly id: string; readonly person_id: bigint },
  because: EndedBecause,
): Promise<number> =>
  tx.run(sql`
    update identity_sessions set ended_at = cauri_now(), ended_because = ${because}
    where id = ${of.id} and person_id = ${of.person_id} and ended_at is null`)

/** All of a person's but one (none is spared when `except` is null). */
export const endSessions = (
  tx: Tx,
  of: { readonly person_id: bigint; readonly except: string | null },
  because: EndedBecause,
): Promise<number> =>
  tx.run(sql`
    update identity_sessions set ended_at = cauri_now(), ended_because = ${because}
    where person_id = ${of.person_id} and ended_at is null and id is distinct from ${of.except}`)

export type SessionRow = {
  readonly id: string
  readonly user_agent: string | null
  readonly address: string | null
  readonly created_at: Date
  readonly last_used_at: Date
  readonly expires_at: Date
}

/** The open ones, the last used first. */
export const listSessions = (db: Reader, person_id: bigint): Promise<SessionRow[]> =>
  db.many(sql`
    select id, user_agent, address, created_at, last_used_at, expires_at from identity_sessions
    where person_id = ${person_id} and ended_at is null and expires_at > cauri_now()
    order by last_used_at desc, id limit 200`)

/** Who signs with that session, while it is open, he is active, and the token's time is now. */
export const findSigned = (
  db: Reader,
  claims: {
    readonly session_id: string
    readonly person_id: bigint
    readonly issued_at_s: number
    readonly expires_at_s: number
  },
): Promise<{ roles: PersonRole[] } | undefined> =>
  db.maybeOne(sql`
    select p.roles from identity_sessions s join identity_people p on p.id = s.person_id
    where s.id = ${claims.session_id} and p.id = ${claims.person_id} and p.is_active
      and s.ended_at is null and s.expires_at > cauri_now()
      and to_timestamp(${claims.issued_at_s}::float8) <= cauri_now()
      and to_timestamp(${claims.expires_at_s}::float8) > cauri_now()`)
