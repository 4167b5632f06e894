import { sql } from '../../platform/db.ts'
import type { Invariant } from '../../platform/invariant.ts'

/** Money that one says has arrived and another confirms. */
export const topUpInvariants: readonly Invariant[] = [
  {
    id: 'INV-46',
    name: {
      en: 'a confirmed top-up is booked once with its amount, by another person than proposed it; no other is booked',
      fr: 'un approvisionnement confirmé est inscrit une fois, à son montant, par une autre personne ; aucun autre ne l’est',
    },
    kept_by:
      'constraint `payments_top_ups_two_people`, trigger `payments_top_ups_decided_once`, the entry’s unique reason',
    pauses: true,
    find: (db) =>
      db.many(sql`
        select t.id as top_up, t.state, t.amount, l.amount as booked,
          coalesce(t.decided_person_id = any (t.proposed_people), false) as by_who_proposed_it
        from payments_top_ups t
        join payments_accounts a on a.id = t.account_id
        left join ledger_public_lines l
          on l.reason = 'account.topped-up:' || a.account_id || ':' || t.reference and l.account_id = a.ledger_account_id
        where case t.state
          when 'BOOKED' then l.amount is distinct from t.amount or t.decided_person_id = any (t.proposed_people)
          when 'PROPOSED' then l.amount is not null
          else false end
        limit 20`),
  },
]
