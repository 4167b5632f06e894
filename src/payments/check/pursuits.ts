import { sql, type Reader } from '../../platform/db.ts'
import type { Invariant } from '../../platform/invariant.ts'

/** What left the straight path: followed, with evidence, and closed by two people where the rail cannot say. */
export const pursuitInvariants: readonly Invariant[] = [
  {
    id: 'INV-20',
    name: {
      en: 'nothing waits for a quarter of an hour without anybody who drives its connection',
      fr: 'rien n’attend un quart d’heure sans que personne conduise sa connexion',
    },
    kept_by: 'the lease: another worker takes over; `/ready` says when nobody does',
    pauses: false,
    find: stuck,
  },
  {
    id: 'INV-21',
    name: {
      en: 'every uncertain line is pursued, and every pursuit has its line',
      fr: 'toute ligne incertaine est suivie, et tout suivi a sa ligne',
    },
    kept_by: 'the transaction that settles',
    pauses: true,
    find: unpursued,
  },
  {
    id: 'INV-27',
    name: {
      en: 'what people closed was said by one and confirmed by another',
      fr: 'ce que des personnes ont clos fut dit par l’une et confirmé par une autre',
    },
    kept_by: 'constraints `payments_reviews_two_people` and `payments_fee_questions_two_people`',
    pauses: true,
    find: closedAlone,
  },
  {
    id: 'INV-41',
    name: {
      en: 'there is evidence for every line that did not simply succeed',
      fr: 'il y a une preuve pour toute ligne qui n’a pas simplement réussi',
    },
    kept_by: 'the transaction that settles; trigger `payments_evidence_append_only`',
    pauses: true,
    find: (db) =>
      db.many(sql`
        select l.batch_id as batch, l.seq as line, l.state, l.attempt from payments_lines l
        where l.state in ('RETRY', 'UNCERTAIN', 'REVIEW', 'FAILED') and not exists (
          select from payments_evidence e where e.batch_id = l.batch_id and e.seq = l.seq and e.what = l.state
            and e.attempt = case l.state when 'RETRY' then l.attempt - 1 else l.attempt end)
        limit 20`),
  },
]

/** Of a connection that runs: stopped ones wait on purpose, and paused batches too. */
function stuck(db: Reader): Promise<object[]> {
  return db.many(sql`
    with idle as (
      select id from payments_connections
      where state = 'RUNNING' and coalesce(lease_until, '-infinity') < clock_timestamp() - interval '1 minute'
    )
    select i.id as connection, x.what, count(*) as n, min(x.since)::text as since
    from idle i join (
      select r.connection_id, 'ranges' as what, r.claimed_at as since
      from payments_ranges r join payments_batches b on b.id = r.batch_id
      where r.state <> 'DONE' and not b.paused and r.claimed_at < clock_timestamp() - interval '15 minutes'
      union all
      select connection_id, 'pursuits', next_at from payments_pursuits
      where state <> 'REVIEW' and next_at < cauri_now() - interval '15 minutes'
      union all
      select connection_id, 'batches', created_at from payments_batches
      where open and not paused and created_at < cauri_now() - interval '15 minutes'
    ) x on x.connection_id = i.id
    group by i.id, x.what limit 20`)
}

function unpursued(db: Reader): Promise<object[]> {
  return db.many(sql`
    select l.batch_id as batch, l.seq as line, l.state, p.state as pursuit
    from payments_lines l left join payments_pursuits p on p.batch_id = l.batch_id and p.seq = l.seq
    where l.state in ('RETRY', 'UNCERTAIN', 'REVIEW') and p.id is null
    union all
    select p.batch_id, p.seq, l.state, p.state
    from payments_pursuits p left join payments_lines l on l.batch_id = p.batch_id and l.seq = p.seq
    where l.state is null or not case p.state
      when 'QUOTED' then l.state in ('NEW', 'RETRY', 'UNCERTAIN')
      when 'SENDING' then l.state = 'RETRY'
      else l.state = p.state
    end
    limit 20`)
}

function closedAlone(db: Reader): Promise<object[]> {
  return db.many(sql`
    select batch_id as batch, seq as line, 'a review confirmed by who proposed it' as what from payments_reviews
    where lower(trim(confirmed_by)) = lower(trim(proposed_by))
    union all
    select batch_id, seq, 'a fee question confirmed by who answered it' from payments_fee_questions
    where lower(trim(confirmed_by)) = lower(trim(proposed_by))
    union all
    select l.batch_id, l.seq, 'refused by people, without a confirmed review' from payments_lines l
    where l.error_code = 'REFUSED_AT_REVIEW' and not exists (
      select from payments_reviews r
      where r.batch_id = l.batch_id and r.seq = l.seq and r.attempt = l.attempt and r.outcome = 'REFUSED'
        and r.confirmed_by is not null)
    union all
    select r.batch_id, r.seq, 'confirmed as ' || r.outcome || ', and ' || l.state
    from payments_reviews r join payments_lines l on l.batch_id = r.batch_id and l.seq = r.seq
    where r.confirmed_by is not null and l.state <> case r.outcome when 'PAID' then 'PAID' else 'FAILED' end
    limit 20`)
}
