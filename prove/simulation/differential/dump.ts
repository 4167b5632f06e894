import { sql, type Db } from '../../../src/platform/db.ts'
import type { Tables } from '../memory/tables.ts'

const HOUR_MS = 3_600_000

/** A stored state as lines of text, each the same at both sites: batches by their place, times in hours from now. */
export type Dump = readonly string[]

const hours = (ms: number | null): string => (ms === null ? '-' : String(Math.round(ms / HOUR_MS)))

type Cell = string | number | bigint | boolean | null | undefined

const text = (...values: readonly Cell[]): string => values.map((value) => String(value ?? '-')).join(' ')

/** What the real store holds of a connection and its batches. */
export async function dumpSql(db: Db, connection: string, batches: readonly bigint[]): Promise<Dump> {
  const place = (id: bigint): number => batches.indexOf(id)
  const many = <T extends object>(query: ReturnType<typeof sql>): Promise<T[]> => db.many<T>(query)
  type Row = Record<string, string | number | bigint | boolean | null>
  const at = (row: Row): number => place(row['batch_id'] as bigint)
  const out: string[] = []
  const add = (rows: readonly Row[], what: string): void => {
    for (const { batch_id, ...row } of rows)
      out.push(text(what, batch_id === undefined ? '' : at({ batch_id }), ...Object.values(row)))
  }
  add(
    await many(sql`
      select worker, token, lease_until > clock_timestamp() as held, state, stopped_because, mode
      from payments_connections where id = ${connection}`),
    'connection',
  )
  add(
    await many(sql`
      select id as batch_id, next_seq, open, cancelled_from, paused, pause_reason, completed, failed, cancelled, uncertain,
        completed_amount, fees, version, finished_at is not null as finished
      from payments_batches where id = any (${batches}::bigint[])`),
    'batch',
  )
  add(
    await many(sql`
      select batch_id, seq, state, attempt, fee, account_id is null as free, error_code, error_message, fulfilment,
        payee_name, completed_at is not null as done
      from payments_lines where batch_id = any (${batches}::bigint[])`),
    'line',
  )
  add(
    await many(sql`
      select batch_id, from_seq, to_seq, token, state, mode from payments_ranges
      where connection_id = ${connection}`),
    'range',
  )
  const pursuits = await many<Row & { next_ms: number | null; sent_ms: number; since_ms: number }>(sql`
      select batch_id, seq, attempt, state, token, rail_reference, tries, not_found, resent, refused_as, because,
        hinted_at is not null as hinted, (extract(epoch from next_at - cauri_now()) * 1000)::float8 as next_ms,
        (extract(epoch from cauri_now() - sent_at) * 1000)::float8 as sent_ms,
        (extract(epoch from cauri_now() - since) * 1000)::float8 as since_ms
      from payments_pursuits where connection_id = ${connection}`)
  for (const { batch_id, next_ms, sent_ms, since_ms, ...row } of pursuits)
    out.push(
      text(
        'pursuit',
        at({ batch_id: batch_id ?? 0n }),
        ...Object.values(row),
        hours(next_ms),
        hours(sent_ms),
        hours(since_ms),
      ),
    )
  add(
    await many(sql`
      select batch_id, seq, attempt, what from payments_evidence where batch_id = any (${batches}::bigint[])`),
    'evidence',
  )
  add(
    await many(sql`
      select batch_id, seq, outcome, proposed_by, confirmed_by from payments_reviews
      where batch_id = any (${batches}::bigint[])`),
    'review',
  )
  add(
    await many(sql`
      select batch_id, seq, attempt, amount, borne_by, proposed_by, confirmed_by from payments_fee_questions
      where batch_id = any (${batches}::bigint[])`),
    'fee question',
  )
  for (const [i, id] of batches.entries()) {
    const holds = await many<{ balance: bigint }>(sql`
      select l.balance from payments_batches b join ledger_accounts l on l.id = b.hold_account_id where b.id = ${id}`)
    out.push(text('hold', i, holds[0]?.balance))
  }
  const money = await many<{ code: string; balance: bigint }>(sql`
    select case when l.code like 'payer:%' then 'payer' else split_part(l.code, ':', 1) end as code, l.balance
    from ledger_accounts l
    where l.code = any (${[`float:${connection}`, `loss:${connection}`, `payer:payer-${connection}`]}::text[])`)
  for (const { code, balance } of money) out.push(text('account', code, balance))
  return out.sort()
}

/** What the store in memory holds. `now` is its clock, milliseconds. */
export function dumpMemory(
  tables: Tables,
  connection: string,
  batches: readonly bigint[],
  now: number,
): Dump {
  const place = (id: bigint): number => batches.indexOf(id)
  const placeOfKey = (key: string): string => {
    const [batch = '', seq = ''] = key.split(':')
    return `${place(BigInt(batch))} ${seq}`
  }
  const out: string[] = []
  const c = tables.connections.get(connection)
  const held = c?.lease_until === null || c === undefined ? null : c.lease_until > now
  out.push(text('connection', '', c?.worker, c?.token, held, c?.state, c?.stopped_because, c?.mode))
  for (const b of tables.batches.values()) {
    const counters = [b.completed, b.failed, b.cancelled, b.uncertain, b.completed_amount, b.fees, b.version]
    const cursor = [b.next_seq, b.open, b.cancelled_from, b.paused, b.pause_reason]
    out.push(text('batch', place(b.id), ...cursor, ...counters, b.finished_at !== null))
    out.push(text('hold', place(b.id), tables.ledger.get(b.hold_account_id)?.balance))
    for (const l of b.lines) {
      const words = [l.error_code, l.error_message, l.fulfilment, l.payee_name, l.completed_at !== null]
      out.push(text('line', place(b.id), l.seq, l.state, l.attempt, l.fee, l.account_id === null, ...words))
    }
  }
  for (const r of tables.ranges.values())
    out.push(text('range', place(r.batch_id), r.from_seq, r.to_seq, r.token, r.state, r.mode))
  for (const p of tables.pursuits.values()) {
    const told = [p.tries, p.not_found, p.resent, p.refused_as, p.because, p.hinted_at !== null]
    const times = [
      p.next_at === null ? '-' : hours(p.next_at - now),
      hours(now - p.sent_at),
      hours(now - p.since),
    ]
    out.push(
      text(
        'pursuit',
        place(p.batch_id),
        p.seq,
        p.attempt,
        p.state,
        p.token,
        p.rail_reference,
        ...told,
        ...times,
      ),
    )
  }
  for (const e of tables.evidence) out.push(text('evidence', placeOfKey(e.key), e.attempt, e.what))
  for (const [key, r] of tables.reviews)
    out.push(text('review', placeOfKey(key), r.outcome, r.proposed_by, r.confirmed_by))
  for (const [key, f] of tables.fee_questions)
    out.push(
      text('fee question', placeOfKey(key), f.attempt, f.amount, f.borne_by, f.proposed_by, f.confirmed_by),
    )
  for (const { code, balance } of tables.ledger.values())
    if (/^(float|loss|payer)/.test(code)) out.push(text('account', code.split(':')[0], balance))
  return out.sort()
}
