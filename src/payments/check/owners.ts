import { sql, type Reader } from '../../platform/db.ts'
import type { Invariant } from '../../platform/invariant.ts'

/** Whose it is, who did it, and when. */
export const ownerInvariants: readonly Invariant[] = [
  {
    id: 'INV-26',
    name: {
      en: 'every movement of money has its line in the audit trail',
      fr: 'tout mouvement d’argent a sa ligne dans la piste d’audit',
    },
    kept_by: 'each act is recorded in its own transaction',
    pauses: true,
    find: unrecorded,
  },
  {
    id: 'INV-29',
    name: {
      en: 'a line is paid from its own batch’s account and hold, in their currency',
      fr: 'une ligne est payée par le compte et la réserve de son lot, dans leur devise',
    },
    kept_by: 'foreign keys; `reserve` copies the account’s currency',
    pauses: true,
    find: (db) =>
      db.many(sql`
        select b.id as batch, null::integer as line, 'currency' as what
        from payments_batches b
        join payments_accounts a on a.id = b.account_id
        join ledger_public_accounts h on h.id = b.hold_account_id
        join ledger_public_accounts p on p.id = a.ledger_account_id
        where b.currency <> a.currency or h.currency <> b.currency or p.currency <> b.currency
          or h.code <> 'bulk:' || b.id
        union all
        select l.batch_id, l.seq, 'account of another batch'
        from payments_lines l join payments_batches b on b.id = l.batch_id
        where l.account_id <> b.account_id
        limit 20`),
  },
  {
    id: 'INV-35',
    name: {
      en: 'nothing ends before it begins',
      fr: 'rien ne finit avant d’avoir commencé',
    },
    kept_by: 'one clock, the database’s',
    pauses: false,
    find: (db) =>
      db.many(sql`
        select 'batch' as what, id::text as id from payments_batches where finished_at < created_at
        union all
        select 'line', l.batch_id || ':' || l.seq
        from payments_lines l join payments_batches b on b.id = l.batch_id where l.completed_at < b.created_at
        union all
        select 'incoming', transfer_id from payments_incoming where least(committed_at, aborted_at) < created_at
        union all
        select 'review', batch_id || ':' || seq from payments_reviews where confirmed_at < proposed_at
        limit 20`),
  },
]

/** The trail names a settled set by its id, and everything else by its subject: both sides are brought to one key. */
function unrecorded(db: Reader): Promise<object[]> {
  return db.many(sql`
    with recorded as (
      select case action
        when 'payouts.settled' then detail ->> 'set_id'
        when 'payout.paid-late' then 'payout.paid-late:' || substr(subject, length('line:') + 1)
        when 'incoming.credited' then 'incoming.credited:' || substr(subject, length('incoming:') + 1)
        when 'account.created' then 'account.opened:' || substr(subject, length('account:') + 1)
        when 'account.topped-up' then 'account.topped-up:' || substr(subject, length('account:') + 1) || ':' || (detail ->> 'reference')
        when 'fee.confirmed' then 'fee.charged:' || substr(subject, length('line:') + 1)
      end as key
      from audit_public_acts
      where action in ('payouts.settled', 'payout.paid-late', 'incoming.credited', 'account.created', 'account.topped-up', 'fee.confirmed')
    )
    select e.id as entry, e.kind from (
      select id, kind, case when kind in ('payouts.paid', 'payouts.returned') then split_part(reason, ':', 2) else reason end as key
      from ledger_public_entries
      where kind in ('payouts.paid', 'payouts.returned', 'payout.paid-late', 'incoming.credited', 'account.opened', 'account.topped-up', 'fee.charged')
    ) e
    where not exists (select from recorded r where r.key = e.key) limit 20`)
}
