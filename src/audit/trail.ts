import { csvCell } from '../platform/csv.ts'
import { sql, type Reader } from '../platform/db.ts'

/** What is looked for in the trail; null: whatever. */
export type TrailFilter = {
  readonly actor: string | null
  readonly subject: string | null
  readonly action: string | null
  readonly organization_id: bigint | null
  readonly request_id: string | null
  /** From this moment on, and before that one. */
  readonly from: Date | null
  readonly to: Date | null
}

export type TrailRow = {
  readonly id: bigint
  readonly at: Date
  readonly actor: string
  readonly role: string | null
  readonly action: string
  readonly subject: string
  readonly organization_id: bigint | null
  readonly address: string | null
  readonly user_agent: string | null
  readonly request_id: string | null
  readonly detail: object
  readonly before: object | null
  readonly after: object | null
  /** Its place in the sealed log; null while it waits for its seal. */
  readonly leaf_index: bigint | null
}

/** Acts below an id, newest first. */
export const selectTrail = (
  db: Reader,
  filter: TrailFilter,
  page: { readonly below: bigint | null; readonly limit: number },
): Promise<TrailRow[]> =>
  db.many(sql`
    select e.id, e.at, e.actor, e.role, e.action, e.subject, e.organization_id, e.address, e.user_agent, e.request_id,
      e.detail, e.before, e.after, l.leaf_index
    from audit_events e left join audit_leaves l on l.event_id = e.id
    where (${filter.actor}::text is null or e.actor = ${filter.actor})
      and (${filter.subject}::text is null or e.subject = ${filter.subject})
      and (${filter.action}::text is null or e.action = ${filter.action})
      and (${filter.organization_id}::bigint is null or e.organization_id = ${filter.organization_id})
      and (${filter.request_id}::text is null or e.request_id = ${filter.request_id})
      and (${filter.from}::timestamptz is null or e.at >= ${filter.from})
      and (${filter.to}::timestamptz is null or e.at < ${filter.to})
      and (${page.below}::bigint is null or e.id < ${page.below})
    order by e.id desc limit ${page.limit}`)

const columns = [
  'id',
  'at',
  'actor',
  'role',
  'action',
  'subject',
  'organization_id',
  'address',
  'user_agent',
  'request_id',
  'detail',
  'before',
  'after',
] as const

const PAGE = 1_000

/** The acts as CSV, newest first, page by page: what a stranger's program calls itself is no formula either. */
export async function* trailCsv(db: Reader, filter: TrailFilter, below: bigint): AsyncGenerator<string> {
  yield `${columns.join(',')}\r\n`
  for (let last = below; ;) {
    const rows = await selectTrail(db, filter, { below: last, limit: PAGE })
    yield rows.map(csvLine).join('')
    if (rows.length < PAGE) return
    last = rows.at(-1)?.id ?? last
  }
}

const csvLine = (row: TrailRow): string =>
  columns.map((name) => csvCell(textOf(row[name]))).join(',') + '\r\n'

function textOf(value: TrailRow[(typeof columns)[number]]): string | null {
  if (value === null) return null
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
