import { sql, type Reader } from './db.ts'

/** A rule that what is stored must keep at every moment, and the query that finds what breaks it. */
export type Invariant = {
  readonly id: `INV-${number}`
  /** One sentence that is true while it holds. */
  readonly name: { readonly en: string; readonly fr: string }
  /** What keeps it in the first place: the constraint, trigger or function, or the way of writing. */
  readonly kept_by: string
  /** True when money may be wrong: nothing is paid until people have looked. False: somebody is told. */
  readonly pauses: boolean
  /** Asked for in production only: a sandbox pays nobody. */
  readonly production_only?: true
  /** The first twenty breaches, with ids, numbers and states only; none when it holds. */
  readonly find: (db: Reader) => Promise<readonly object[]>
}

/** One breach, for people: no name and no phone number of anybody is in it. */
export type Breach = {
  readonly id: Invariant['id']
  readonly invariant: string
  readonly found: string
}

/** Runs them one after the other. The caller gives a snapshot where money may be moving. */
export async function breachesOf(db: Reader, invariants: readonly Invariant[]): Promise<Breach[]> {
  const breaches: Breach[] = []
  for (const { id, name, find } of invariants)
    for (const row of await find(db)) breaches.push({ id, invariant: name.en, found: inWords(row) })
  return breaches
}

/** `{batch: 3n, state: 'PAID'}` is «batch 3, state PAID». */
export const inWords = (row: object): string =>
  Object.entries(row)
    .map(([name, value]) => `${name.replaceAll('_', ' ')} ${value === null ? 'none' : String(value)}`)
    .join(', ')

/** What the schema promises of itself: its guards stand, its money is whole, its keys come free again. */
export const schemaInvariants = (
  guards: readonly string[],
  frozen: readonly string[],
  owned: readonly string[],
): readonly Invariant[] => [
  {
    id: 'INV-24',
    name: {
      en: 'a request that died does not keep its Idempotency-Key',
      fr: 'une requête morte ne garde pas son Idempotency-Key',
    },
    kept_by: 'the lease of `platform_idempotency`, renewed while the request lives',
    pauses: false,
    find: (db) =>
      db.many(sql`
        select count(*) as keys, max(lease_until)::text as held_until from platform_idempotency
        where status is null and lease_until > clock_timestamp() + interval '1 hour' having count(*) > 0`),
  },
  {
    id: 'INV-28',
    name: {
      en: 'the triggers that forbid to change the past are there and enabled',
      fr: 'les déclencheurs qui interdisent de changer le passé sont là et actifs',
    },
    kept_by:
      'migrations; `cauri_app` and the roles that the processes run as may not change those tables, and own none',
    pauses: true,
    find: (db) => openToChange(db, guards, frozen),
  },
  {
    id: 'INV-30',
    name: {
      en: 'every amount is a whole number: no money column is a float or a decimal',
      fr: 'chaque montant est un entier : aucune colonne d’argent n’est à virgule',
    },
    kept_by: 'migrations; `ledger_accounts_json` keeps balances within 2^53−1',
    pauses: true,
    find: fractionalColumns,
  },
  {
    id: 'INV-31',
    name: {
      en: 'what PostgreSQL confirms is on the disk (fsync, full_page_writes, synchronous_commit)',
      fr: 'ce que PostgreSQL confirme est sur le disque (fsync, full_page_writes, synchronous_commit)',
    },
    kept_by: 'the settings of the server',
    pauses: true,
    production_only: true,
    find: (db) =>
      db.many(sql`
        select name as setting, setting as is from pg_settings
        where name in ('fsync', 'full_page_writes', 'synchronous_commit') and setting = 'off'`),
  },
  guardedByOrganization(owned),
]

const guardedByOrganization = (owned: readonly string[]): Invariant => ({
  id: 'INV-44',
  name: {
    en: 'the rows of an organisation are shown only to who asks for it: every table that names one is guarded',
    fr: 'les lignes d’une organisation ne se montrent qu’à qui la demande : chaque table qui en nomme une est gardée',
  },
  kept_by: 'row-level security, `platform_guard_by_organization`',
  pauses: false,
  find: (db) => unguarded(db, owned),
})

/** A view counts as well: one that lends its owner's rights leads around every policy. */
const unguarded = (db: Reader, owned: readonly string[]): Promise<readonly object[]> =>
  db.many(sql`
    select c.relname as relation, case
      when c.relkind = 'v' then 'a view that lends its owner’s rights'
      when not c.relrowsecurity then 'not guarded'
      else 'without a policy for ' || case when p.others = 0 then 'the API' else 'worker and reader' end
    end as is
    from pg_class c cross join lateral (
      select count(*) filter (where polname <> 'everything') as others,
        count(*) filter (where polname = 'everything' and pg_get_expr(polqual, polrelid) = 'true') as everything
      from pg_policy where polrelid = c.oid
    ) p
    where c.relnamespace = 'public'::regnamespace and c.relname ~ ${OURS}
      and case
        when c.relkind = 'v' then not coalesce(c.reloptions @> array['security_invoker=true'], false)
        when c.relkind not in ('r', 'p') then false
        when not c.relrowsecurity then c.relname = any (${owned}::text[]) or exists (
          select from pg_attribute where attrelid = c.oid and attname = 'organization_id' and not attisdropped)
        else p.others = 0 or p.everything = 0 and exists (select from pg_roles where rolname = 'cauri_worker')
      end
    order by 1 limit 20`)

const openToChange = (
  db: Reader,
  guards: readonly string[],
  frozen: readonly string[],
): Promise<readonly object[]> =>
  db.many(sql`
    select guard as missing_or_disabled from unnest(${guards}::text[]) as guard
    where not exists (
      select from pg_trigger t join pg_class c on c.oid = t.tgrelid
      where c.relnamespace = 'public'::regnamespace and c.relname = split_part(guard, '.', 1)
        and t.tgname = split_part(guard, '.', 2) and t.tgenabled in ('O', 'A'))
    union all
    select distinct relation || ' (the application may change it)' from pg_roles r, unnest(${frozen}::text[]) as relation
    where r.rolname in ('cauri_app', 'cauri_api', 'cauri_worker', 'cauri_reader')
      and has_table_privilege(r.oid, 'public.' || quote_ident(relation), 'update, delete, truncate')
    limit 20`)

/** The names of our own tables and views. */
const OURS =
  '^(platform|ledger|audit|identity|kyc|payments|bulk|escrow|disputes|notifications|webhooks|integrity)_'

/** In our own tables; somebody's report beside them may count as it likes. */
function fractionalColumns(db: Reader): Promise<readonly object[]> {
  const types = ['numeric', 'real', 'double precision', 'money']
  const money = ['amount', 'balance', 'completed_amount', 'fee', 'fee_cap', 'fees', 'total_amount']
  return db.many(sql`
    select c.relname as relation, a.attname as column, format_type(a.atttypid, null) as type
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
      and c.relname ~ ${OURS}
      and (format_type(a.atttypid, null) = any (${types}::text[])
        or a.attname = any (${money}::text[]) and a.atttypid <> 'bigint'::regtype)
    limit 20`)
}

/** How the server keeps what it confirms, for people to read. */
export const durabilityOf = (db: Reader): Promise<{ name: string; value: string }[]> =>
  db.many(sql`
    select name, setting as value from pg_settings
    where name in ('fsync', 'full_page_writes', 'synchronous_commit', 'data_checksums', 'server_version') order by name`)
