import { sql, type Reader } from '../platform/db.ts'
import type { Invariant } from '../platform/invariant.ts'
import { countOutbox } from '../platform/outbox.ts'

/** The triggers that hold what bulk transfers promise, as `table.trigger`. */
export const bulkGuards: readonly string[] = [
  'bulk_approvals.bulk_approvals_decided_once',
  'bulk_batches.bulk_batches_append_only',
]

export const bulkInvariants: readonly Invariant[] = [
  {
    id: 'INV-22',
    name: {
      en: 'every finished bulk transfer is recorded once, and told once where it has a callback address',
      fr: 'tout transfert groupé fini est inscrit une fois, et annoncé une fois s’il a une adresse de rappel',
    },
    kept_by: 'the transaction that settles the last line; the outbox, and jobs that are kept when they die',
    pauses: false,
    find: untold,
  },
  {
    id: 'INV-42',
    name: {
      en: 'a bulk transfer, its payer’s account and its parent are of one organisation, and its making is recorded',
      fr: 'un transfert groupé, son compte payeur et son parent sont d’une même organisation ; sa création est inscrite',
    },
    kept_by: 'what is not the caller’s does not exist for it; trigger `bulk_batches_append_only`',
    pauses: true,
    find: (db) =>
      db.many(sql`
        select b.bulk_id as bulk_transfer, a.organization_id <> b.organization_id as foreign_account,
          p.account_id <> b.account_id as other_account, coalesce(o.organization_id <> b.organization_id, false) as foreign_parent,
          coalesce(m.n, 0) as times_recorded
        from bulk_batches b
        join payments_public_accounts a on a.id = b.account_id
        join payments_public_batches p on p.id = b.id
        left join bulk_batches o on o.id = b.parent_id
        left join (
          select subject, count(*) as n from audit_public_acts where action = 'bulk.created' group by subject
        ) m on m.subject = b.bulk_id
        where a.organization_id <> b.organization_id or p.account_id <> b.account_id
          or o.organization_id <> b.organization_id or coalesce(m.n, 0) <> 1
        limit 20`),
  },
  {
    id: 'INV-45',
    name: {
      en: 'a batch above its limit has nothing claimed or paid until another person than its maker approved this list',
      fr: 'd’un lot au-dessus de sa limite rien n’est pris ni payé avant l’accord d’une autre personne sur cette liste',
    },
    kept_by:
      'constraints `payments_batches_open`, `payments_batches_awaits_approval`, `bulk_approvals_another_person`; trigger `bulk_approvals_decided_once`',
    pauses: true,
    find: unapproved,
  },
]

type Told = { readonly bulk_transfer: string; readonly wanted: boolean; readonly queued: bigint }

/** Whether a callback was wanted is read from the line in the trail: batches of earlier versions have no such word. */
async function untold(db: Reader): Promise<object[]> {
  const unrecorded = await db.many(sql`
    select b.bulk_id as bulk_transfer, p.finished_at is not null as finished, coalesce(m.n, 0) as times_recorded
    from bulk_batches b join payments_public_batches p on p.id = b.id
    left join (
      select subject, count(*) as n from audit_public_acts where action = 'bulk.finished' group by subject
    ) m on m.subject = b.bulk_id
    where coalesce(m.n, 0) <> case when p.finished_at is null then 0 else 1 end limit 20`)
  const told = await db.many<Told>(sql`
    select b.bulk_id as bulk_transfer, b.callback_wanted as wanted, count(q.id) as queued
    from bulk_batches b
    join audit_public_acts f on f.subject = b.bulk_id and f.action = 'bulk.finished' and f.detail ? 'callback'
    left join audit_public_acts q on q.subject = b.bulk_id and q.action = 'webhook.queued'
    group by b.bulk_id, b.callback_wanted`)
  const waiting = await countOutbox(db, 'bulk.finished')
  const wrong = told
    .map((row) => ({ ...row, waiting: waiting.get(row.bulk_transfer) ?? 0 }))
    .filter((row) => Number(row.queued) + row.waiting !== (row.wanted ? 1 : 0))
  return [...unrecorded, ...wrong].slice(0, 20)
}

/** What waits is not open and has not moved; what was rejected or cancelled while it waited ended whole. */
function unapproved(db: Reader): Promise<object[]> {
  return db.many(sql`
    select b.bulk_id as bulk_transfer, coalesce(a.state, 'no decision asked for') as approval, p.state,
      p.awaiting_approval, p.next_seq as cursor, coalesce(a.decided_person_id = any (a.maker_people), false) as by_its_maker
    from bulk_batches b
    join payments_public_batches p on p.id = b.id
    left join bulk_approvals a on a.batch_id = b.id
    where p.awaiting_approval <> coalesce(a.state = 'WAITING', false)
      or p.awaiting_approval and (p.open or p.next_seq > 1 or p.pending < p.total)
      or a.state in ('REJECTED', 'CANCELLED') and p.cancelled < p.total
      or a.state in ('APPROVED', 'REJECTED') and a.decided_person_id = any (a.maker_people)
      or a.list_hash <> b.list_hash or a.approval_over >= p.total_amount
    limit 20`)
}
