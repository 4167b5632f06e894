import { sql, type Reader, type Tx } from '../../platform/db.ts'
import type { PersonRole } from '../person.ts'

export type EndedBecause =
  'LOGOUT' | 'REVOKED' | 'REUSE' | 'PASSWORD_CHANGED' | 'PASSWORD_RESET' | 'DISABLED' | 'SECOND_FACTOR_RESET'

/** Where a sign-in comes from, as far as it tells. */
export type Device = { readonly address: string; readonly user_agent: string | undefined }

export const insertSession = (
  tx: Tx,
  session: {
    readonly id: string
    readonly person_id: bigint
    readonly device: Device
    readonly lasts_s: number
    /** A second factor was shown just now. */
    readonly second_factor: boolean
    /** Of a browser's: the hash of what its cookie holds. */
    readonly cookie_hash?: Buffer
  },
): Promise<number> =>
  tx.run(sql`
    insert into identity_sessions (id, person_id, user_agent, address, expires_at, second_factor_at, cookie_hash)
    values (${session.id}, ${session.person_id}, ${session.device.user_agent?.slice(0, 200) ?? null},
      ${session.device.address}, cauri_now() + ${session.lasts_s} * interval '1 second',
      case when ${session.second_factor}::boolean then cauri_now() end, ${session.cookie_hash ?? null})`)

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

export type Signed = {
  readonly roles: PersonRole[]
  readonly has_second_factor: boolean
  /** It was shown on this session a short while ago. */
  readonly is_stepped_up: boolean
}

/** A session of somebody; the times of a token, where one names it. */
export type SignedBy = {
  readonly session_id: string
  readonly person_id: bigint
  readonly issued_at_s?: number
  readonly expires_at_s?: number
}

/** Who signs with that session, while it is open, he is active, and the token's time, if there is one, is now. */
export const findSigned = (db: Reader, by: SignedBy, step_up_s: number): Promise<Signed | undefined> =>
  db.maybeOne(sql`
    select p.roles, f.person_id is not null as has_second_factor,
      coalesce(f.person_id is not null
        and s.second_factor_at > cauri_now() - ${step_up_s}::float8 * interval '1 second', false) as is_stepped_up
    from identity_sessions s join identity_people p on p.id = s.person_id
      left join identity_second_factors f on f.person_id = p.id and f.confirmed_at is not null
    where s.id = ${by.session_id} and p.id = ${by.person_id} and p.is_active
      and s.ended_at is null and s.expires_at > cauri_now()
      and coalesce(to_timestamp(${by.issued_at_s ?? null}::float8) <= cauri_now(), true)
      and coalesce(to_timestamp(${by.expires_at_s ?? null}::float8) > cauri_now(), true)`)

/** A second factor was shown on that session just now. */
export const markSteppedUp = (tx: Tx, id: string): Promise<number> =>
  tx.run(
    sql`update identity_sessions set second_factor_at = cauri_now() where id = ${id} and ended_at is null`,
  )

/** The second factor is gone, and with it what was shown of it. */
export const forgetStepUps = (tx: Tx, person_id: bigint): Promise<number> =>
  tx.run(sql`
    update identity_sessions set second_factor_at = null
    where person_id = ${person_id} and second_factor_at is not null`)

/** A browser's session by the hash of its cookie, where it was used in the last `idle_s` seconds. */
export const findByCookie = (
  db: Reader,
  cookie_hash: Buffer,
  { idle_s, touch_s }: { readonly idle_s: number; readonly touch_s: number },
): Promise<{ session_id: string; person_id: bigint; is_touch_due: boolean } | undefined> =>
  db.maybeOne(sql`
    select id as session_id, person_id,
      last_used_at <= cauri_now() - ${touch_s}::float8 * interval '1 second' as is_touch_due
    from identity_sessions
    where cookie_hash = ${cookie_hash} and ended_at is null
      and last_used_at > cauri_now() - ${idle_s}::float8 * interval '1 second'`)

export const touchOpen = (db: Reader, id: string): Promise<number> =>
  db.run(sql`update identity_sessions set last_used_at = cauri_now() where id = ${id} and ended_at is null`)

/** Of these sessions those that are open, with what their people are. */
export const listOpen = (
  db: Reader,
  ids: readonly string[],
): Promise<{ session_id: string; person_id: bigint; roles: PersonRole[] }[]> =>
  db.many(sql`
    select s.id as session_id, s.person_id, p.roles
    from identity_sessions s join identity_people p on p.id = s.person_id
    where s.id = any (${ids}::text[]) and p.is_active and s.ended_at is null and s.expires_at > cauri_now()`)
