import { sql, type Reader } from '../platform/db.ts'

/** What an operator watches, over everything that is stored. */
export type Figures = {
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
  readonly pending: number
  readonly uncertain: number
  readonly reviews: number
  /** Seconds since the oldest line became uncertain; 0 when none is. */
  readonly oldest_uncertain_s: number
  readonly stopped_connections: number
}

export const readFigures = (db: Reader): Promise<Figures> =>
  db.one(sql`
    select b.completed::float8, b.failed::float8, b.cancelled::float8, b.uncertain::float8,
      (b.total - b.completed - b.failed - b.cancelled - b.uncertain)::float8 as pending,
      p.reviews::float8, p.oldest_uncertain_s::float8, c.stopped_connections::float8
    from (
      select coalesce(sum(total), 0) as total, coalesce(sum(completed), 0) as completed, coalesce(sum(failed), 0) as failed,
        coalesce(sum(cancelled), 0) as cancelled, coalesce(sum(uncertain), 0) as uncertain
      from payments_batches
    ) b, (
      select count(*) filter (where state = 'REVIEW') as reviews,
        coalesce(extract(epoch from cauri_now() - min(since) filter (where state in ('UNCERTAIN', 'REVIEW'))), 0) as oldest_uncertain_s
      from payments_pursuits
    ) p, (
      select count(*) filter (where state = 'STOPPED') as stopped_connections from payments_connections
    ) c`)
