import { sql, type Reader } from '../../platform/db.ts'
import type { Invariant } from '../../platform/invariant.ts'

/** What was claimed, what was tried, and that an end is an end. */
export const lineInvariants: readonly Invariant[] = [
  {
    id: 'INV-08',
    name: {
      en: 'no line was sent before its claim was written: what has an outcome lies under the cursor, in a range',
      fr: 'aucune ligne n’est partie avant l’écriture de sa prise : toute issue est sous le curseur, dans une tranche',
    },
    kept_by: '`payments_claim`, committed before the first call',
    pauses: true,
    find: (db) =>
      db.many(sql`
        select b.id as batch, null::integer as line, b.next_seq as cursor, coalesce(r.claimed, '{}')::text as claimed
        from payments_batches b
        left join (
          select batch_id, range_agg(int4range(from_seq, to_seq, '[]')) as claimed from payments_ranges group by batch_id
        ) r on r.batch_id = b.id
        where coalesce(r.claimed, '{}') <> int4multirange(int4range(1, b.next_seq))
        union all
        select l.batch_id, l.seq, b.next_seq, l.state
        from payments_lines l join payments_batches b on b.id = l.batch_id
        where l.seq >= b.next_seq and l.state not in ('NEW', 'CANCELLED')
        limit 20`),
  },
  {
    id: 'INV-10',
    name: {
      en: 'one attempt at a time: no line lies in two live ranges, and its pursuit is of its own attempt',
      fr: 'un essai à la fois : aucune ligne dans deux tranches vivantes, et son suivi est celui de son essai',
    },
    kept_by:
      'primary key of `payments_lines`, unique `(batch_id, seq)` of `payments_pursuits`, the lease’s token',
    pauses: true,
    find: (db) =>
      db.many(sql`
        select r.batch_id as batch, greatest(r.from_seq, s.from_seq) as line, 'in two live ranges' as what
        from payments_ranges r
        join payments_ranges s on s.batch_id = r.batch_id and s.id > r.id and s.state <> 'DONE'
          and s.from_seq <= r.to_seq and s.to_seq >= r.from_seq
        where r.state <> 'DONE'
        union all
        select p.batch_id, p.seq, 'attempt ' || l.attempt || ', pursued as ' || p.attempt
        from payments_pursuits p join payments_lines l on l.batch_id = p.batch_id and l.seq = p.seq
        where p.attempt <> l.attempt
        limit 20`),
  },
  {
    id: 'INV-18',
    name: {
      en: 'a new attempt exists only after the rail refused the one before',
      fr: 'un nouvel essai n’existe qu’après le refus du précédent par le rail',
    },
    kept_by: '`payments_settle`: only the outcome RETRY makes one',
    pauses: true,
    find: (db) =>
      db.many(sql`
        select l.batch_id as batch, l.seq as line, l.attempt, coalesce(e.refusals, 0) as refusals
        from payments_lines l
        left join (
          select batch_id, seq, count(distinct attempt) as refusals from payments_evidence
          where what = 'RETRY' group by batch_id, seq
        ) e on e.batch_id = l.batch_id and e.seq = l.seq
        where l.attempt - 1 <> coalesce(e.refusals, 0) limit 20`),
  },
  {
    id: 'INV-19',
    name: { en: 'what ended never changes', fr: 'ce qui a fini ne change plus' },
    kept_by: '`payments_settle`: a final state is never a state to leave',
    pauses: true,
    find: (db) =>
      db.many(sql`
        select f.batch_id as batch, f.seq as line, f.what as ended_as, l.state
        from payments_evidence f left join payments_lines l on l.batch_id = f.batch_id and l.seq = f.seq
        where f.what in ('PAID', 'FAILED') and (l.state is distinct from f.what or exists (
          select from payments_evidence e
          where e.batch_id = f.batch_id and e.seq = f.seq and e.id > f.id and e.what <> 'PAID_LATE'))
        limit 20`),
  },
  {
    id: 'INV-37',
    name: {
      en: 'every line under the cursor without an outcome lies in a range that somebody works on or will recover',
      fr: 'toute ligne sous le curseur sans issue est dans une tranche que quelqu’un traite ou reprendra',
    },
    kept_by: 'claim, recovery and release of ranges, each in one transaction',
    pauses: true,
    find: (db) =>
      db.many(sql`
        select l.batch_id as batch, l.seq as line
        from payments_lines l join payments_batches b on b.id = l.batch_id
        where l.state = 'NEW' and l.seq < b.next_seq and not exists (
          select from payments_ranges r
          where r.batch_id = l.batch_id and r.state <> 'DONE' and l.seq between r.from_seq and r.to_seq)
        limit 20`),
  },
  {
    id: 'INV-40',
    name: {
      en: 'nothing is without its line or its batch: lines, ranges, evidence, reviews, questions',
      fr: 'rien n’est sans sa ligne ou son lot : lignes, tranches, preuves, examens, questions',
    },
    kept_by: 'foreign keys, but on the hot tables, where the transactions that write them do',
    pauses: true,
    find: orphans,
  },
]

function orphans(db: Reader): Promise<object[]> {
  return db.many(sql`
    select 'line' as what, l.batch_id as batch, l.seq as line
    from payments_lines l left join payments_batches b on b.id = l.batch_id
    where b.id is null or l.seq not between 1 and b.total
    union all
    select 'range', r.batch_id, r.to_seq
    from payments_ranges r join payments_batches b on b.id = r.batch_id
    where r.to_seq > b.total or r.connection_id <> b.connection_id
    union all
    select x.what, x.batch_id, x.seq from (
      select 'evidence' as what, batch_id, seq from payments_evidence
      union all select 'review', batch_id, seq from payments_reviews
      union all select 'fee question', batch_id, seq from payments_fee_questions
    ) x
    where not exists (select from payments_lines l where l.batch_id = x.batch_id and l.seq = x.seq)
    limit 20`)
}
