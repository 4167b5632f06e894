-- Who is paid here is found by type and identifier.
create index payments_accounts_party on payments_accounts (party_id_type, party_identifier);

create table payments_incoming (
  transfer_id text primary key check (transfer_id ~ '^[A-Za-z0-9_-]{1,64}$'),
  -- Our own id of the money, told to the rail.
  home_reference text not null unique,
  -- Whose money it is; null when the transfer was refused.
  account_id bigint references payments_accounts,
  payee_type text not null,
  payee_identifier text not null check (length(payee_identifier) between 1 and 128),
  payer_type text not null,
  payer_identifier text not null check (length(payer_identifier) between 1 and 128),
  payer_name text,
  note text,
  amount bigint not null check (amount > 0),
  currency text not null check (currency in ('XAF', 'XOF')),
  -- RESERVED: accepted, no money has moved. COMMITTED: on the account. ABORTED: refused by us or given up by the hub.
  state text not null check (state in ('RESERVED', 'COMMITTED', 'ABORTED')),
  refused_as text,
  digest bytea not null check (length(digest) = 32),
  created_at timestamptz not null default cauri_now(),
  committed_at timestamptz,
  aborted_at timestamptz,
  -- The hub's last word was not our state: people look at it.
  contradicted_at timestamptz,
  constraint payments_incoming_committed check ((state = 'COMMITTED') = (committed_at is not null)),
  constraint payments_incoming_aborted check ((state = 'ABORTED') = (aborted_at is not null)),
  constraint payments_incoming_refused check (refused_as is null or state = 'ABORTED'),
  constraint payments_incoming_owned check ((account_id is null) = (refused_as is not null))
);
comment on table payments_incoming is 'Transfers that came in through a rail, one row per transfer id for ever: what was asked, and what became of it.';
create index payments_incoming_reserved on payments_incoming (created_at) where state = 'RESERVED';
create index payments_incoming_contradicted on payments_incoming (contradicted_at) where contradicted_at is not null;

-- A row says what was asked, for ever. Only what waits is concluded, once; a contradiction is noted, once.
create function payments_incoming_protected() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    raise exception 'an incoming transfer is never deleted' using errcode = 'restrict_violation';
  end if;
  if (old.transfer_id, old.home_reference, old.account_id, old.payee_type, old.payee_identifier, old.payer_type,
      old.payer_identifier, old.payer_name, old.note, old.amount, old.currency, old.refused_as, old.digest, old.created_at)
    is distinct from
     (new.transfer_id, new.home_reference, new.account_id, new.payee_type, new.payee_identifier, new.payer_type,
      new.payer_identifier, new.payer_name, new.note, new.amount, new.currency, new.refused_as, new.digest, new.created_at) then
    raise exception 'the terms of an incoming transfer do not change' using errcode = 'restrict_violation';
  end if;
  if old.state <> 'RESERVED'
    and (old.state, old.committed_at, old.aborted_at) is distinct from (new.state, new.committed_at, new.aborted_at) then
    raise exception 'an incoming transfer is concluded once' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger payments_incoming_protected before update or delete on payments_incoming
  for each row execute function payments_incoming_protected();
create trigger payments_incoming_no_truncate before truncate on payments_incoming execute function platform_append_only();
do $$
begin
  if exists (select from pg_roles where rolname = 'cauri_app') then
    revoke delete, truncate on payments_incoming from cauri_app;
  end if;
end $$;
