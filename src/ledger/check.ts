import { sql, type Reader } from '../platform/db.ts'
import { breachesOf, type Breach, type Invariant } from '../platform/invariant.ts'

/** The triggers that hold the ledger's rules, as `table.trigger`. */
export const ledgerGuards: readonly string[] = [
  'ledger_accounts.ledger_accounts_born',
  'ledger_accounts.ledger_accounts_no_truncate',
  'ledger_accounts.ledger_accounts_protected',
  'ledger_entries.ledger_entries_born',
  'ledger_entries.ledger_entries_no_truncate',
  'ledger_entries.ledger_entries_protected',
  'ledger_entries.ledger_entry_has_lines',
  'ledger_lines.ledger_lines_append_only',
  'ledger_lines.ledger_lines_inserted',
  'ledger_lines.ledger_lines_no_truncate',
]

export const ledgerInvariants: readonly Invariant[] = [
  {
    id: 'INV-01',
    name: {
      en: 'the lines of each currency sum to zero',
      fr: 'les lignes de chaque devise ont une somme nulle',
    },
    kept_by: 'trigger `ledger_lines_inserted`',
    pauses: true,
    find: (db) =>
      db.many(sql`
        select a.currency, sum(l.amount)::text as sum from ledger_lines l join ledger_accounts a on a.id = l.account_id
        group by a.currency having sum(l.amount) <> 0`),
  },
  {
    id: 'INV-02',
    name: {
      en: 'the lines of each entry sum to zero',
      fr: 'les lignes de chaque écriture ont une somme nulle',
    },
    kept_by: 'trigger `ledger_lines_inserted`',
    pauses: true,
    find: (db) =>
      db.many(sql`
        select l.entry_id as entry, a.currency, sum(l.amount)::text as sum
        from ledger_lines l join ledger_accounts a on a.id = l.account_id
        group by l.entry_id, a.currency having sum(l.amount) <> 0 limit 20`),
  },
  {
    id: 'INV-03',
    name: { en: 'each balance is the sum of its lines', fr: 'chaque solde est la somme de ses lignes' },
    kept_by: 'triggers `ledger_lines_inserted` and `ledger_accounts_protected`',
    pauses: true,
    find: (db) =>
      db.many(sql`
        select a.code as account, a.currency, a.balance, coalesce(s.total, 0)::text as lines
        from ledger_accounts a
        left join (select account_id, sum(amount) as total from ledger_lines group by account_id) s
          on s.account_id = a.id
        where a.balance <> coalesce(s.total, 0) limit 20`),
  },
  {
    id: 'INV-05',
    name: {
      en: 'each entry has its lines, two or more, and each line its entry and its account',
      fr: 'chaque écriture a ses lignes, deux au moins, et chaque ligne son écriture et son compte',
    },
    kept_by: 'triggers `ledger_lines_inserted` and `ledger_entry_has_lines`',
    pauses: true,
    find: wrongLegs,
  },
  {
    id: 'INV-06',
    name: {
      en: 'no account that may not is below zero: neither a payer’s nor a hold',
      fr: 'aucun compte qui ne le peut n’est sous zéro : ni celui d’un payeur, ni une réserve',
    },
    kept_by: 'constraint `ledger_accounts_floor`',
    pauses: true,
    find: (db) =>
      db.many(sql`
        select code as account, currency, balance from ledger_accounts where floor = 'ZERO' and balance < 0 limit 20`),
  },
  {
    id: 'INV-36',
    name: { en: 'a reason posts once', fr: 'un motif s’inscrit une seule fois' },
    kept_by: 'constraint `ledger_entries_reason_key`',
    pauses: true,
    find: (db) =>
      db.many(sql`
        select min(id) as first, max(id) as last, count(*) as entries from ledger_entries
        group by reason having count(*) > 1 limit 20`),
  },
]

function wrongLegs(db: Reader): Promise<object[]> {
  return db.many(sql`
    select coalesce(e.id, l.entry_id) as entry, e.legs as declared, coalesce(l.n, 0) as lines, e.sealed,
      coalesce(l.homeless, 0) as without_account
    from ledger_entries e
    full join (
      select l.entry_id, count(*) as n, count(*) filter (where a.id is null) as homeless
      from ledger_lines l left join ledger_accounts a on a.id = l.account_id group by l.entry_id
    ) l on l.entry_id = e.id
    where e.id is null or l.entry_id is null or l.n <> e.legs or l.n < 2 or not e.sealed or l.homeless > 0 limit 20`)
}

/** Runs the ledger's own invariants over everything it holds. An empty answer means that every franc is explained. */
export const checkLedger = (db: Reader): Promise<Breach[]> => breachesOf(db, ledgerInvariants)
