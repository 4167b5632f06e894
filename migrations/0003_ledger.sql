create table ledger_accounts (
  id bigint generated always as identity primary key,
  code text not null,
  currency text not null check (currency in ('XAF', 'XOF')),
  -- LIABILITY: money that we owe to someone. SYSTEM: floats, fees, losses, openings.
  kind text not null check (kind in ('LIABILITY', 'SYSTEM')),
  floor text not null check (floor in ('ZERO', 'NONE')),
  balance bigint not null default 0,
  created_at timestamptz not null default now(),
  unique (code, currency),
  check ((kind = 'LIABILITY') = (floor = 'ZERO')),
  constraint ledger_accounts_floor check (floor = 'NONE' or balance >= 0),
  constraint ledger_accounts_json check (balance between -9007199254740991 and 9007199254740991)
) with (fillfactor = 50);
comment on table ledger_accounts is 'Accounts. Balances are kept by the database from the lines: + credit, - debit.';

create table ledger_entries (
  id bigint generated always as identity primary key,
  reason text not null unique,
  kind text not null,
  legs integer not null check (legs >= 2),
  digest bytea not null check (length(digest) = 32),
  xid xid8 not null default pg_current_xact_id(),
  -- True once its lines are there; set by the trigger of ledger_lines and by nothing else.
  sealed boolean not null default false,
  created_at timestamptz not null default cauri_now()
);
comment on table ledger_entries is 'One business fact each; the reason names it and is unique for ever.';

-- No foreign keys on this hot table: its trigger checks both, once per statement.
create table ledger_lines (
  account_id bigint not null,
  entry_id bigint not null,
  amount bigint not null check (amount <> 0),
  batch_id bigint,
  seq integer,
  attempt smallint
);
comment on table ledger_lines is 'Append-only. The lines of an entry arrive in one statement and sum to zero per currency.';
create index ledger_lines_account on ledger_lines (account_id, entry_id);

create function ledger_lines_inserted() returns trigger language plpgsql security definer
set search_path = public, pg_temp as $$
declare
  -- The lines folded once, by entry and account: everything below is decided on these few rows.
  entries bigint[];
  accounts bigint[];
  totals bigint[];
  counts bigint[];
  touched bigint;
begin
  select array_agg(f.entry_id), array_agg(f.account_id), array_agg(f.total), array_agg(f.n)
  into entries, accounts, totals, counts
  from (
    select entry_id, account_id, sum(amount)::bigint as total, count(*) as n from added group by entry_id, account_id
  ) f;
  if entries is null then
    return null;
  end if;

  -- Closes the entries. An entry of another transaction, or one that already has its lines, is not found.
  update ledger_entries e set sealed = true
  from (select distinct f.id from unnest(entries) as f(id)) n
  where e.id = n.id and not e.sealed and e.xid = pg_current_xact_id();
  get diagnostics touched = row_count;
  if touched <> (select count(distinct f.id) from unnest(entries) as f(id)) then
    raise exception 'a line names an entry that is closed, unknown or of another transaction' using errcode = 'restrict_violation';
  end if;

  if exists (
    select from (select f.id, sum(f.n) as n from unnest(entries, counts) as f(id, n) group by f.id) l
    join ledger_entries e on e.id = l.id where e.legs <> l.n
  ) then
    raise exception 'an entry has not the number of lines that it declares' using errcode = 'check_violation';
  end if;

  -- Locks in the order of ids, so that two entries over the same accounts never wait for each other in a circle.
  perform from ledger_accounts where id = any (accounts) order by id for no key update;

  update ledger_accounts a set balance = a.balance + s.total
  from (select f.id, sum(f.total)::bigint as total from unnest(accounts, totals) as f(id, total) group by f.id) s
  where a.id = s.id;
  get diagnostics touched = row_count;
  if touched <> (select count(distinct f.id) from unnest(accounts) as f(id)) then
    raise exception 'a line names an unknown account' using errcode = 'foreign_key_violation', constraint = 'ledger_lines_account';
  end if;

  if exists (
    select from unnest(entries, accounts, totals) as f(entry_id, account_id, total)
    join ledger_accounts a on a.id = f.account_id
    group by f.entry_id, a.currency having sum(f.total) <> 0
  ) then
    raise exception 'an entry does not sum to zero' using errcode = 'check_violation', constraint = 'ledger_lines_zero_sum';
  end if;
  return null;
end $$;

create trigger ledger_lines_inserted after insert on ledger_lines
  referencing new table as added for each statement execute function ledger_lines_inserted();

create function ledger_entry_has_lines() returns trigger language plpgsql security definer
set search_path = public, pg_temp as $$
begin
  if not (select sealed from ledger_entries where id = new.id) then
    raise exception 'entry % has no lines', new.reason using errcode = 'check_violation', constraint = 'ledger_entries_has_lines';
  end if;
  return null;
end $$;
create constraint trigger ledger_entry_has_lines after insert on ledger_entries
  deferrable initially deferred for each row execute function ledger_entry_has_lines();

create function ledger_entries_protected() returns trigger language plpgsql as $$
begin
  -- The one change ever: the lines' own trigger seals the entry, in the entry's transaction.
  if tg_op = 'UPDATE' and pg_trigger_depth() > 1 and not old.sealed and new.sealed
    and (old.id, old.reason, old.kind, old.legs, old.digest, old.xid, old.created_at)
      is not distinct from (new.id, new.reason, new.kind, new.legs, new.digest, new.xid, new.created_at) then
    return new;
  end if;
  raise exception 'ledger_entries is append-only' using errcode = 'restrict_violation';
end $$;
create trigger ledger_entries_protected before update or delete on ledger_entries
  for each row execute function ledger_entries_protected();
-- An entry is born open; only the lines' trigger seals it.
create function ledger_entries_born() returns trigger language plpgsql as $$
begin
  new.sealed := false;
  new.xid := pg_current_xact_id();
  return new;
end $$;
create trigger ledger_entries_born before insert on ledger_entries for each row execute function ledger_entries_born();
create trigger ledger_entries_no_truncate before truncate on ledger_entries execute function platform_append_only();
create trigger ledger_lines_append_only before update or delete on ledger_lines
  for each row execute function platform_append_only();
create trigger ledger_lines_no_truncate before truncate on ledger_lines execute function platform_append_only();

create function ledger_accounts_protected() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    raise exception 'a ledger account is never deleted' using errcode = 'restrict_violation';
  end if;
  if (old.id, old.code, old.currency, old.kind, old.floor, old.created_at)
    is distinct from (new.id, new.code, new.currency, new.kind, new.floor, new.created_at) then
    raise exception 'a ledger account does not change' using errcode = 'restrict_violation';
  end if;
  if old.balance <> new.balance and pg_trigger_depth() < 2 then
    raise exception 'a balance changes by lines only' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger ledger_accounts_protected before update or delete on ledger_accounts
  for each row execute function ledger_accounts_protected();
create trigger ledger_accounts_no_truncate before truncate on ledger_accounts execute function platform_append_only();
create function ledger_accounts_born() returns trigger language plpgsql as $$
begin
  new.balance := 0;
  return new;
end $$;
create trigger ledger_accounts_born before insert on ledger_accounts for each row execute function ledger_accounts_born();

-- Posts entries: a known reason with the same digest is left out of the answer, with another digest it is refused.
-- Lines come as parallel arrays; entry_no is the position (from 1) of the line's entry.
create function ledger_post(
  reasons text[], kinds text[], legs integer[], digests bytea[],
  entry_no integer[], account bigint[], amount bigint[], batch bigint[], seq integer[], attempt smallint[]
) returns setof text language plpgsql as $$
declare
  ids bigint[];
  reused text;
begin
  -- Ordered, so that two callers with the same reasons wait for each other in one direction.
  with entered as (
    insert into ledger_entries (reason, kind, legs, digest)
    select r.reason, r.kind, r.legs, r.digest
    from unnest(reasons, kinds, legs, digests) as r(reason, kind, legs, digest)
    order by r.reason
    on conflict (reason) do nothing
    returning id, reason
  )
  select array_agg(e.id order by r.no) into ids
  from unnest(reasons) with ordinality as r(reason, no) left join entered e on e.reason = r.reason;

  select e.reason into reused
  from unnest(reasons, digests, ids) as r(reason, digest, id)
  join ledger_entries e on e.reason = r.reason
  where r.id is null and e.digest <> r.digest limit 1;
  if reused is not null then
    raise exception 'reason % was used with other lines', reused using errcode = 'unique_violation', constraint = 'ledger_reason_reused';
  end if;

  insert into ledger_lines (account_id, entry_id, amount, batch_id, seq, attempt)
  select l.account, ids[l.entry_no], l.amount, l.batch, l.seq, l.attempt
  from unnest(entry_no, account, amount, batch, seq, attempt) as l(entry_no, account, amount, batch, seq, attempt)
  where ids[l.entry_no] is not null;

  return query select r.reason from unnest(reasons, ids) as r(reason, id) where r.id is not null;
end $$;

do $$
begin
  if exists (select from pg_roles where rolname = 'cauri_app') then
    revoke update, delete, truncate on ledger_accounts, ledger_entries, ledger_lines from cauri_app;
  end if;
end $$;
