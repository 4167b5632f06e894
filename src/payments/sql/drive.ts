import { sql, type Db, type Reader, type Tx } from '../../platform/db.ts'
import type { PartyType } from '../../platform/party.ts'

/** Makes the connection's row at the first start. */
export const ensureConnection = (db: Reader, id: string, rail: string): Promise<number> =>
  db.run(sql`insert into payments_connections (id, rail) values (${id}, ${rail}) on conflict (id) do nothing`)

export type Lease = { token: bigint; state: 'RUNNING' | 'STOPPED'; stopped_because: string | null }

/** Takes the lease when it is free or over; the token grows, which fences whoever drove before. */
export const takeLease = (
  db: Reader,
  id: string,
  worker: string,
  lease_ms: number,
): Promise<Lease | undefined> =>
  db.maybeOne(sql`
    update payments_connections
    set worker = ${worker}, token = token + 1, lease_until = clock_timestamp() + ${lease_ms}::float8 * interval '1 millisecond'
    where id = ${id} and (lease_until is null or lease_until < clock_timestamp())
    returning token, state, stopped_because`)

export const renewLease = (
  db: Reader,
  id: string,
  worker: string,
  token: bigint,
  lease_ms: number,
): Promise<Lease | undefined> =>
  db.maybeOne(sql`
    update payments_connections
    set lease_until = clock_timestamp() + ${lease_ms}::float8 * interval '1 millisecond'
    where id = ${id} and worker = ${worker} and token = ${token} and lease_until > clock_timestamp()
    returning token, state, stopped_because`)

export const releaseLease = (db: Reader, id: string, worker: string, token: bigint): Promise<number> =>
  db.run(sql`
    update payments_connections set worker = null, lease_until = null
    where id = ${id} and worker = ${worker} and token = ${token}`)

/** True when the token is the current one, which stays so until this transaction ends: a take-over waits for it. */
export const lockDriving = async (tx: Tx, id: string, token: bigint): Promise<boolean> =>
  (await tx.run(sql`select from payments_connections where id = ${id} and token = ${token} for share`)) === 1

export const setMode = (db: Reader, id: string, mode: string): Promise<number> =>
  db.run(
    sql`update payments_connections set mode = ${mode} where id = ${id} and mode is distinct from ${mode}`,
  )

export const stopConnection = (tx: Tx, id: string, token: bigint, because: string): Promise<number> =>
  tx.run(sql`
    update payments_connections set state = 'STOPPED', stopped_because = ${because.slice(0, 500)}, stopped_at = cauri_now()
    where id = ${id} and token = ${token} and state = 'RUNNING'`)

/** Goes on. What a failed check has stopped, only an operator lets go on. */
export const resumeConnection = (tx: Tx, id: string, operator: boolean): Promise<number> =>
  tx.run(sql`
    update payments_connections set state = 'RUNNING', stopped_because = null, stopped_at = null, needs_operator = false
    where id = ${id} and state = 'STOPPED' and (${operator}::boolean or not needs_operator)`)

/** Every payout stops until an operator has looked: a check of the ledger failed. */
export const holdConnections = (tx: Tx, because: string): Promise<number> =>
  tx.run(sql`
    update payments_connections set state = 'STOPPED', stopped_because = ${because.slice(0, 500)},
      stopped_at = coalesce(stopped_at, cauri_now()), needs_operator = true`)

export type ConnectionRow = {
  id: string
  rail: string
  state: 'RUNNING' | 'STOPPED'
  stopped_because: string | null
  needs_operator: boolean
  mode: string | null
  worker: string | null
  driven: boolean
}

export const listConnections = (db: Reader): Promise<ConnectionRow[]> =>
  db.many(sql`
    select id, rail, state, stopped_because, needs_operator, mode, worker,
      coalesce(lease_until > clock_timestamp(), false) as driven
    from payments_connections order by id`)

export type Claim = { range_id: bigint; batch_id: bigint; from_seq: number; to_seq: number }

export const claim = (
  tx: Tx,
  connection: string,
  worker: string,
  token: bigint,
  want: number,
  after: bigint,
): Promise<Claim | undefined> =>
  tx.maybeOne(sql`select * from payments_claim(${connection}, ${worker}, ${token}, ${want}, ${after})`)

export type OrderRow = {
  batch_id: bigint
  seq: number
  attempt: number
  amount: bigint
  transfer_id: string
  party_type: PartyType
  party_identifier: string
  payee_name: string | null
}

/** A glance for an idle worker: is there anything to claim, and is anything due? One cheap statement. */
export const glance = (db: Reader, connection: string): Promise<{ open: boolean; due: boolean }> =>
  db.one(sql`
    select
      exists (select from payments_batches where connection_id = ${connection} and open and not paused)
        or exists (select from payments_ranges where connection_id = ${connection} and state = 'FREED') as open,
      exists (
        select from payments_pursuits
        where connection_id = ${connection} and state <> 'REVIEW' and next_at <= cauri_now()
      ) as due`)

/** The lines of a claimed range that are still to be sent. */
export const selectOrders = (
  tx: Tx,
  { batch_id, from_seq, to_seq }: Omit<Claim, 'range_id'>,
): Promise<OrderRow[]> =>
  tx.many(sql`
    select batch_id, seq, attempt, amount, transfer_id, party_type, party_identifier, payee_name
    from payments_lines
    where batch_id = ${batch_id} and seq between ${from_seq} and ${to_seq} and state = 'NEW'
    order by seq`)

export type Orphan = Claim & { mode: string | null }

/** Ranges that another worker left behind, oldest first, and how it used the rail. */
export const lockOrphans = (tx: Tx, connection: string, token: bigint): Promise<Orphan[]> =>
  tx.many(sql`
    select id as range_id, batch_id, from_seq, to_seq, mode from payments_ranges
    where connection_id = ${connection} and state = 'OPEN' and token < ${token}
    order by id limit 20 for no key update`)

/** Open lines of an orphaned range and whether the rail's own reference was committed for them. */
export const selectOrphanLines = (
  tx: Tx,
  range: Claim,
): Promise<{ seq: number; attempt: number; rail_reference: string | null }[]> =>
  tx.many(sql`
    select l.seq, l.attempt, p.rail_reference
    from payments_lines l
    left join payments_pursuits p on p.batch_id = l.batch_id and p.seq = l.seq and p.state = 'QUOTED'
    where l.batch_id = ${range.batch_id} and l.seq between ${range.from_seq} and ${range.to_seq} and l.state = 'NEW'
    order by l.seq`)

/** Pursuits that another worker was busy with: a call may be under way, so they are uncertain and looked at soon. */
export const adoptPursuits = (tx: Tx, connection: string, token: bigint, after_ms: number): Promise<number> =>
  tx.run(sql`
    update payments_pursuits set token = ${token},
      next_at = least(next_at, cauri_now() + ${after_ms}::float8 * interval '1 millisecond')
    where connection_id = ${connection} and token < ${token} and state in ('UNCERTAIN', 'QUOTED')`)

export const selectInterrupted = (
  tx: Tx,
  connection: string,
  token: bigint,
): Promise<{ batch_id: bigint; seq: number; attempt: number; rail_reference: string }[]> =>
  tx.many(sql`
    select batch_id, seq, attempt, rail_reference from payments_pursuits
    where connection_id = ${connection} and token < ${token} and state = 'SENDING' order by id limit 1000`)

export const insertRanges = (
  tx: Tx,
  connection: string,
  token: bigint,
  state: 'OPEN' | 'FREED',
  runs: readonly Omit<Claim, 'range_id'>[],
): Promise<number> =>
  tx.run(sql`
    insert into payments_ranges (batch_id, from_seq, to_seq, connection_id, token, state)
    select u.batch, u.low, u.high, ${connection}, ${token}, ${state}
    from unnest(${runs.map((r) => r.batch_id)}::bigint[], ${runs.map((r) => r.from_seq)}::integer[],
      ${runs.map((r) => r.to_seq)}::integer[]) as u(batch, low, high)`)

export const pausedAmong = async (db: Db, batches: readonly bigint[]): Promise<bigint[]> =>
  (
    await db.many<{ id: bigint }>(sql`
      select id from payments_batches where id = any (${batches}::bigint[]) and paused`)
  ).map((row) => row.id)

export type DueRow = OrderRow & {
  id: bigint
  state: 'RETRY' | 'UNCERTAIN' | 'QUOTED'
  rail_reference: string
  tries: number
  not_found: number
  resent: number
  refused_as: string | null
  because: string | null
  sent_ms: number
  since_ms: number
  cancelled: boolean
  paused: boolean
}

/**
 * Takes the pursuits that are due, and commits that before any call: a retry becomes SENDING, everything else keeps
 * its state and comes back later by itself should this worker die.
 */
export const takeDue = (
  tx: Tx,
  connection: string,
  token: bigint,
  limit: number,
  busy_ms: number,
): Promise<DueRow[]> =>
  tx.many(sql`
    with due as (
      select p.id, p.state from payments_pursuits p join payments_batches b on b.id = p.batch_id
      where p.connection_id = ${connection} and p.state in ('RETRY', 'UNCERTAIN', 'QUOTED') and p.next_at <= cauri_now()
        and not (p.state = 'RETRY' and b.paused)
      order by p.next_at limit ${limit} for no key update of p skip locked
    ), taken as (
      update payments_pursuits p set
        token = ${token}, tries = p.tries + 1,
        next_at = cauri_now() + ${busy_ms}::float8 * interval '1 millisecond',
        sent_at = case when due.state = 'RETRY' then cauri_now() else p.sent_at end,
        state = case when due.state = 'RETRY' then 'SENDING' else p.state end
      from due where p.id = due.id
      returning p.*, due.state as was
    )
    select t.id, t.batch_id, t.seq, t.attempt, t.was as state, t.rail_reference, t.tries, t.not_found, t.resent,
      t.refused_as, t.because, (extract(epoch from cauri_now() - t.sent_at) * 1000)::float8 as sent_ms,
      (extract(epoch from cauri_now() - t.since) * 1000)::float8 as since_ms,
      l.amount, l.transfer_id, l.party_type, l.party_identifier, l.payee_name,
      b.cancelled_from is not null as cancelled, b.paused
    from taken t
    join payments_lines l on l.batch_id = t.batch_id and l.seq = t.seq
    join payments_batches b on b.id = t.batch_id`)

/**
 * Looks again later; counts a «not found», or starts over with a resend, if its batch is not held or cancelled. Only
 * if the pursuit still is as it was when it was asked about: the same attempt, as often sent again.
 */
export const reschedule = (
  db: Reader,
  due: { readonly id: bigint; readonly attempt: number; readonly resent: number },
  token: bigint,
  after_ms: number,
  change: { readonly not_found: number; readonly because: string; readonly resends: boolean },
): Promise<number> =>
  db.run(sql`
    update payments_pursuits set
      next_at = cauri_now() + ${after_ms}::float8 * interval '1 millisecond',
      not_found = ${change.not_found}, because = ${change.because.slice(0, 500)},
      sent_at = case when ${change.resends}::boolean then cauri_now() else sent_at end,
      resent = ${due.resent + (change.resends ? 1 : 0)}
    where id = ${due.id} and token = ${token} and attempt = ${due.attempt} and resent = ${due.resent}
      and state in ('UNCERTAIN', 'QUOTED')
      and (not ${change.resends}::boolean or not exists (
        select from payments_batches b where b.id = batch_id and (b.paused or b.cancelled_from is not null)))`)

export const setReference = (tx: Tx, id: bigint, reference: string): Promise<number> =>
  tx.run(sql`update payments_pursuits set rail_reference = ${reference} where id = ${id}`)

/** Sends that surely did not happen wait again. */
export const returnToRetry = (
  tx: Tx,
  rows: readonly { readonly batch_id: bigint; readonly seq: number }[],
): Promise<number> =>
  tx.run(sql`
    update payments_pursuits p set state = 'RETRY', next_at = cauri_now()
    from unnest(${rows.map((r) => r.batch_id)}::bigint[], ${rows.map((r) => r.seq)}::integer[]) as u(batch, seq)
    where p.batch_id = u.batch and p.seq = u.seq and p.state = 'SENDING'`)

/** Pursuits that were taken and not worked on: this worker stops, or its connection does. */
export const giveBack = (tx: Tx, ids: readonly bigint[], token: bigint): Promise<number> =>
  tx.run(sql`
    update payments_pursuits set
      state = case when state = 'SENDING' then 'RETRY' else state end, next_at = cauri_now() + interval '1 second'
    where id = any (${ids}::bigint[]) and token = ${token} and state in ('SENDING', 'UNCERTAIN', 'QUOTED')`)

/** Turns an open range into what may have been sent and what surely was not. */
export async function splitRange(
  tx: Tx,
  connection: string,
  token: bigint,
  ids: readonly bigint[],
  sent: readonly Omit<Claim, 'range_id'>[],
  unsent: readonly Omit<Claim, 'range_id'>[],
): Promise<bigint[]> {
  await tx.run(sql`update payments_ranges set state = 'DONE' where id = any (${ids}::bigint[])`)
  await insertRanges(tx, connection, token, 'FREED', unsent)
  const kept = await tx.many<{ id: bigint }>(sql`
    insert into payments_ranges (batch_id, from_seq, to_seq, connection_id, token, state, mode)
    select u.batch, u.low, u.high, ${connection}, ${token}, 'OPEN',
      (select max(mode) from payments_ranges where id = any (${ids}::bigint[]))
    from unnest(${sent.map((r) => r.batch_id)}::bigint[], ${sent.map((r) => r.from_seq)}::integer[],
      ${sent.map((r) => r.to_seq)}::integer[]) as u(batch, low, high)
    returning id`)
  return kept.map((row) => row.id)
}
