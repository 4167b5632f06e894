import { sql, type Reader } from '../../platform/db.ts'
import type { Invariant } from '../../platform/invariant.ts'

/** What the ledger holds and moved for batches, lines and incoming transfers, against what they say themselves. */
export const moneyInvariants: readonly Invariant[] = [
  {
    id: 'INV-04',
    name: {
      en: 'each hold is what its open lines need',
      fr: 'chaque réserve est ce qu’il faut à ses lignes ouvertes',
    },
    kept_by: '`payments_settle`: the rows that change make the ledger lines of the same transaction',
    pauses: true,
    find: (db) =>
      db.many(sql`
        select b.id as batch, b.fee_cap * coalesce(l.n, 0) + coalesce(l.amount, 0) as due, h.balance as held
        from payments_batches b
        join ledger_public_accounts h on h.id = b.hold_account_id
        left join (
          select batch_id, count(*) as n, sum(amount) as amount from payments_lines
          where state in ('NEW', 'RETRY', 'UNCERTAIN', 'REVIEW') group by batch_id
        ) l on l.batch_id = b.id
        where h.balance <> b.fee_cap * coalesce(l.n, 0) + coalesce(l.amount, 0) limit 20`),
  },
  {
    id: 'INV-11',
    name: {
      en: 'a paid line moved its money once, a failed one gave it back once, any other moved nothing',
      fr: 'une ligne payée a déplacé son argent une fois, une ligne en échec l’a rendu une fois, toute autre rien',
    },
    kept_by: '`payments_settle` and the unique reason of each settled set',
    pauses: true,
    find: wrongMoves,
  },
  {
    id: 'INV-12',
    name: {
      en: 'the counters and sums of each batch are its lines; it is finished exactly when they all are',
      fr: 'les compteurs et sommes de chaque lot sont ceux de ses lignes ; il est fini quand elles le sont toutes',
    },
    kept_by: '`payments_settle`, constraint `payments_batches_finished`; the state is computed, never stored',
    pauses: true,
    find: wrongCounters,
  },
  {
    id: 'INV-13',
    name: {
      en: 'each batch reserved all its lines once, and what was cancelled returned',
      fr: 'chaque lot a réservé toutes ses lignes une fois, et ce qui fut annulé est revenu',
    },
    kept_by: 'the reasons `batch.reserved:…` and `batch.cancelled:…`',
    pauses: true,
    find: wrongReservations,
  },
  {
    id: 'INV-23',
    name: {
      en: 'a transfer that came in is credited once when committed, else never',
      fr: 'un transfert reçu est crédité une fois s’il est confirmé, sinon jamais',
    },
    kept_by:
      'the primary key of `payments_incoming`, trigger `payments_incoming_protected`, the unique reason',
    pauses: true,
    find: wrongCredits,
  },
  {
    id: 'INV-38',
    name: {
      en: 'a payment that came after the end is booked as a loss, with its evidence, and marked on its line',
      fr: 'un paiement venu après la fin est passé en perte, avec sa preuve, et signalé sur sa ligne',
    },
    kept_by: 'the transaction that settles',
    pauses: true,
    find: (db) =>
      db.many(sql`
        select m.batch_id as batch, m.seq as line, m.attempt, 'without evidence' as what
        from ledger_public_lines m
        where m.kind = 'payout.paid-late' and m.amount > 0 and not exists (
          select from payments_evidence e
          where e.batch_id = m.batch_id and e.seq = m.seq and e.attempt = m.attempt and e.what = 'PAID_LATE')
        union all
        select l.batch_id, l.seq, l.attempt, 'marked, and not booked'
        from payments_lines l where l.error_code = 'PAID_LATE' and not exists (
          select from ledger_public_lines m
          where m.kind = 'payout.paid-late' and m.batch_id = l.batch_id and m.seq = l.seq)
        limit 20`),
  },
  {
    id: 'INV-39',
    name: {
      en: 'a fee above what was held asks who bears it; the payer pays it only when two people said so',
      fr: 'des frais au-delà de la réserve demandent qui les porte ; le payeur ne les paie que si deux personnes l’ont dit',
    },
    kept_by: 'the primary key of `payments_fee_questions`, and the transaction that settles',
    pauses: true,
    find: wrongFees,
  },
]

/**
 * Per line: how many ledger lines it has, under which kind and attempt, and the one amount that each party to it got. As
 * many lines as amounts means one of each; so no sums are needed, which would be slower (numeric).
 */
function wrongMoves(db: Reader): Promise<object[]> {
  return db.many(sql`
    with moved as (
      select m.batch_id, m.seq, count(*) as n, min(m.attempt) as low, max(m.attempt) as high,
        bool_and(m.kind = 'payouts.paid') as all_paid, bool_or(m.kind = 'payouts.paid') as some_paid,
        max(m.amount) filter (where m.account_id = b.hold_account_id) as hold,
        max(m.amount) filter (where m.code = 'float:' || b.connection_id) as float,
        max(m.amount) filter (where m.account_id = a.ledger_account_id) as payer,
        max(m.amount) filter (where m.code = 'fees:provider') as provider
      from ledger_public_lines m
      join payments_batches b on b.id = m.batch_id
      join payments_accounts a on a.id = b.account_id
      where m.kind in ('payouts.paid', 'payouts.returned')
      group by m.batch_id, m.seq
    ), due as (
      select l.batch_id, l.seq, l.state, l.attempt, l.amount, l.amount + b.fee_cap as held, l.amount + l.fee as out,
        nullif(b.fee_cap - least(l.fee, b.fee_cap), 0) as back, nullif(least(l.fee, b.fee_cap) - l.fee, 0) as above
      from payments_lines l join payments_batches b on b.id = l.batch_id
    )
    select batch_id as batch, seq as line, d.state, d.amount, coalesce(m.n, 0) as movements, m.some_paid as as_paid, m.hold, m.float,
      m.payer, m.provider
    from due d full join moved m using (batch_id, seq)
    where d.state is null or case d.state
      when 'PAID' then (m.n, m.all_paid, m.some_paid, m.low, m.high, m.hold, m.float, m.payer, m.provider)
        is distinct from
        (num_nonnulls(d.held, d.out, d.back, d.above), true, true, d.attempt, d.attempt, -d.held, d.out, d.back, d.above)
      when 'FAILED' then (m.n, m.all_paid, m.some_paid, m.low, m.high, m.hold, m.float, m.payer, m.provider)
        is distinct from
        (2, false, false, d.attempt, d.attempt, -d.held, null, d.held, null)
      else m.batch_id is not null
    end
    limit 20`)
}

function wrongCounters(db: Reader): Promise<object[]> {
  return db.many(sql`
    select b.id as batch, b.total, l.n as lines, b.completed, l.paid, b.failed, l.failed as failed_lines, b.cancelled,
      l.cancelled as cancelled_lines, b.uncertain, l.uncertain as uncertain_lines, b.total_amount,
      l.amount::text as lines_amount, b.completed_amount, l.paid_amount::text as paid_amount, b.fees,
      l.fees::text as paid_fees, b.finished_at is not null as finished
    from payments_batches b
    left join (
      select batch_id, count(*) as n, sum(amount) as amount, count(*) filter (where state = 'PAID') as paid,
        count(*) filter (where state = 'FAILED') as failed, count(*) filter (where state = 'CANCELLED') as cancelled,
        count(*) filter (where state in ('UNCERTAIN', 'REVIEW')) as uncertain,
        coalesce(sum(amount) filter (where state = 'PAID'), 0) as paid_amount,
        coalesce(sum(fee) filter (where state = 'PAID'), 0) as fees
      from payments_lines group by batch_id
    ) l on l.batch_id = b.id
    where (b.total, b.total_amount, b.completed, b.failed, b.cancelled, b.uncertain, b.completed_amount, b.fees,
        b.finished_at is not null)
      is distinct from
        (l.n, l.amount, l.paid, l.failed, l.cancelled, l.uncertain, l.paid_amount, l.fees,
        l.paid + l.failed + l.cancelled = l.n) limit 20`)
}

function wrongReservations(db: Reader): Promise<object[]> {
  return db.many(sql`
    select b.id as batch, coalesce(m.n, 0) as reservations, m.reserved::text as reserved, m.cancelled::text as cancelled,
      b.total_amount, coalesce(c.amount, 0)::text as cancelled_amount
    from payments_batches b
    join payments_accounts a on a.id = b.account_id
    left join (
      select batch_id, account_id, count(*) filter (where kind = 'batch.reserved') as n,
        sum(amount) filter (where kind = 'batch.reserved') as reserved,
        coalesce(sum(amount) filter (where kind = 'batch.cancelled'), 0) as cancelled
      from ledger_public_lines where kind in ('batch.reserved', 'batch.cancelled') group by batch_id, account_id
    ) m on m.batch_id = b.id and m.account_id = b.hold_account_id
    left join (
      select batch_id, account_id, sum(amount) filter (where kind = 'batch.reserved') as reserved,
        coalesce(sum(amount) filter (where kind = 'batch.cancelled'), 0) as cancelled
      from ledger_public_lines where kind in ('batch.reserved', 'batch.cancelled') group by batch_id, account_id
    ) p on p.batch_id = b.id and p.account_id = a.ledger_account_id
    left join (
      select batch_id, sum(amount) as amount, count(*) as n from payments_lines where state = 'CANCELLED' group by batch_id
    ) c on c.batch_id = b.id
    where (m.n, m.reserved, m.cancelled, p.reserved, p.cancelled) is distinct from (
      1, b.total_amount + b.fee_cap * b.total, -coalesce(c.amount + c.n * b.fee_cap, 0),
      -b.total_amount - b.fee_cap * b.total, coalesce(c.amount + c.n * b.fee_cap, 0)) limit 20`)
}

function wrongCredits(db: Reader): Promise<object[]> {
  return db.many(sql`
    with credited as (
      select m.reason, m.account_id, m.amount from ledger_public_lines m
      where m.kind = 'incoming.credited' and m.code not like 'float:%'
    )
    select i.transfer_id as transfer, c.reason as entry, i.state, i.amount, c.amount as credited
    from payments_incoming i
    left join payments_accounts a on a.id = i.account_id
    full join credited c on c.reason = 'incoming.credited:' || i.transfer_id
    where i.transfer_id is null
      or (i.state = 'COMMITTED' and (c.account_id, c.amount) is distinct from (a.ledger_account_id, i.amount))
      or (i.state <> 'COMMITTED' and c.reason is not null)
    limit 20`)
}

function wrongFees(db: Reader): Promise<object[]> {
  return db.many(sql`
    with above as (
      select l.batch_id, l.seq, l.fee - b.fee_cap as amount
      from payments_lines l join payments_batches b on b.id = l.batch_id
      where l.state = 'PAID' and l.fee > b.fee_cap
    ), charged as (
      select batch_id, seq, sum(amount) as amount from ledger_public_lines
      where kind = 'fee.charged' and code = 'fees:provider' group by batch_id, seq
    )
    select batch_id as batch, seq as line, a.amount as above, q.amount as asked, q.borne_by, c.amount::text as charged
    from above a full join payments_fee_questions q using (batch_id, seq) full join charged c using (batch_id, seq)
    where a.amount is distinct from q.amount
      or c.amount is distinct from case when q.borne_by = 'PAYER' and q.confirmed_by is not null then q.amount end
    limit 20`)
}
