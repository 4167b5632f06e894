import { sql, type Db, type Sql } from '../../../src/platform/db.ts'
import type { Tables } from '../memory/tables.ts'

/** The unit in which times are compared: the two sites are never exactly as fast. */
export const HOUR_MS = 3_600_000

/** A stored state as lines of text, each the same at both sites: batches by their place, times in hours from now. */
export type Dump = readonly string[]

const hours = (ms: number | null): string => (ms === null ? '-' : String(Math.round(ms / HOUR_MS)))

type Cell = string | number | bigint | boolean | null | undefined

const text = (...values: readonly Cell[]): string => values.map((value) => String(value ?? '-')).join(' ')

/** Where each batch of a site stands among its batches. */
type Place = (batch_id: bigint) => number

const placeAmong =
  (batches: readonly bigint[]): Place =>
  (id) =>
    batches.indexOf(id)

/** What the real store holds of a connection and its batches. */
export async function dumpSql(db: Db, connection: string, batches: readonly bigint[]): Promise<Dump> {
  const place = placeAmong(batches)
  const out: string[] = []
  for (const [kind, rows] of rowsOf(connection, batches))
    for (const { batch_id, ...row } of await db.many<Row>(rows))
      out.push(text(kind, batch_id === undefined ? '' : place(batch_id), ...Object.values(row)))
  out.push(...(await pursuitsOf(db, connection, place)))
  out.push(...(await balancesOf(db, connection, batches)))
  return out.sort()
}

type Columns = Readonly<Record<string, Cell>>

type Row = Columns & { readonly batch_id?: bigint }

/** The rows whose columns are the same at any time, by their kind. */
const rowsOf = (connection: string, batches: readonly bigint[]): readonly (readonly [string, Sql])[] => [
  [
    'connection',
    sql`
      select worker, token, lease_until > clock_timestamp() as held, state, stopped_because, mode
      from payments_connections where id = ${connection}`,
  ],
  [
    'batch',
    sql`
      select id as batch_id, next_seq, open, cancelled_from, paused, pause_reason, awaits_approval, completed, failed,
        cancelled, uncertain, completed_amount, fees, version, finished_at is not null as finished
      from payments_batches where id = any (${batches}::bigint[])`,
  ],
  [
    'line',
    sql`
      select batch_id, seq, state, attempt, fee, account_id is null as free, error_code, error_message, fulfilment,
        payee_name, completed_at is not null as done
      from payments_lines where batch_id = any (${batches}::bigint[])`,
  ],
  [
    'range',
    sql`
      select batch_id, from_seq, to_seq, token, state, mode from payments_ranges
      where connection_id = ${connection}`,
  ],
  [
    'evidence',
    sql`
      select batch_id, seq, attempt, what from payments_evidence where batch_id = any (${batches}::bigint[])`,
  ],
  [
    'review',
    sql`
      select batch_id, seq, outcome, proposed_by, confirmed_by from payments_reviews
      where batch_id = any (${batches}::bigint[])`,
  ],
  [
    'fee question',
    sql`
      select batch_id, seq, attempt, amount, borne_by, proposed_by, confirmed_by from payments_fee_questions
      where batch_id = any (${batches}::bigint[])`,
  ],
]

async function pursuitsOf(db: Db, connection: string, place: Place): Promise<Dump> {
  type Times = { readonly next_ms: number | null; readonly sent_ms: number; readonly since_ms: number }
  const pursuits = await db.many<Columns & Times & { readonly batch_id: bigint }>(sql`
      select batch_id, seq, attempt, state, token, rail_reference, tries, not_found, resent, refused_as, because,
        hinted_at is not null as hinted, (extract(epoch from next_at - cauri_now()) * 1000)::float8 as next_ms,
        (extract(epoch from cauri_now() - sent_at) * 1000)::float8 as sent_ms,
        (extract(epoch from cauri_now() - since) * 1000)::float8 as since_ms
      from payments_pursuits where connection_id = ${connection}`)
  return pursuits.map(({ batch_id, next_ms, sent_ms, since_ms, ...row }) =>
    text('pursuit', place(batch_id), ...Object.values(row), hours(next_ms), hours(sent_ms), hours(since_ms)),
  )
}

async function balancesOf(db: Db, connection: string, batches: readonly bigint[]): Promise<Dump> {
  const out: string[] = []
  for (const [i, id] of batches.entries()) {
    const holds = await db.many<{ balance: bigint }>(sql`
      select l.balance from payments_batches b join ledger_accounts l on l.id = b.hold_account_id where b.id = ${id}`)
    out.push(text('hold', i, holds[0]?.balance))
  }
  const money = await db.many<{ code: string; balance: bigint }>(sql`
    select case when l.code like 'payer:%' then 'payer' else split_part(l.code, ':', 1) end as code, l.balance
    from ledger_accounts l
    where l.code = any (${[`float:${connection}`, `loss:${connection}`, `payer:payer-${connection}`]}::text[])`)
  for (const { code, balance } of money) out.push(text('account', code, balance))
  return out
}

/** What the store in memory holds. `now` is its clock, milliseconds. */
export function dumpMemory(
  tables: Tables,
  connection: string,
  batches: readonly bigint[],
  now: number,
): Dump {
  const place = placeAmong(batches)
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
    const cursor = [b.next_seq, b.open, b.cancelled_from, b.paused, b.pause_reason, b.awaits_approval]
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
