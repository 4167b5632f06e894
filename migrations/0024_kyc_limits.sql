create table kyc_tiers (
  tier text not null check (tier in ('T0', 'T1', 'T2')),
  currency text not null check (currency in ('XAF', 'XOF')),
  valid_from timestamptz not null,
  per_transaction bigint not null check (per_transaction > 0),
  per_day bigint not null check (per_day >= per_transaction),
  per_month bigint not null check (per_month >= per_day),
  -- None: what a person may hold is the issuer's rule (BCEAO 008-05-2015 art. 31: 2,000,000 francs of e-money), not ours.
  balance bigint check (balance > 0),
  primary key (tier, currency, valid_from)
);
comment on table kyc_tiers is 'What a person may move, by how well it is known who he is: minor units, in one operation, in 24 hours, in 30 days. The newest row that has begun counts. Append-only.';
insert into kyc_tiers (tier, currency, valid_from, per_transaction, per_day, per_month)
select tier, currency, '2026-01-01T00:00:00Z', per_transaction, per_day, per_month
from (values ('T0', 100000, 200000, 1000000), ('T1', 500000, 1000000, 5000000), ('T2', 10000000, 20000000, 50000000))
  as limits (tier, per_transaction, per_day, per_month), unnest(array['XAF', 'XOF']) as currency;
create trigger kyc_tiers_append_only before update or delete on kyc_tiers
  for each row execute function platform_append_only();

create table kyc_usage (
  id bigint generated always as identity primary key,
  person_id bigint not null references identity_people,
  currency text not null check (currency in ('XAF', 'XOF')),
  -- What it is for, in the caller's words: counted once, however often it is asked.
  reference text not null unique check (length(reference) between 1 and 200),
  amount bigint not null check (amount > 0),
  at timestamptz not null,
  released_at timestamptz
);
comment on table kyc_usage is 'What people have moved, against the limits of their tier. Released: it did not happen after all, and does not count.';
create index kyc_usage_counted on kyc_usage (person_id, currency, at) where released_at is null;

create table kyc_erasures (
  id bigint generated always as identity primary key,
  person_id bigint not null references identity_people,
  state text not null default 'REQUESTED' check (state in ('REQUESTED', 'REFUSED', 'DONE')),
  requested_at timestamptz not null default cauri_now(),
  decided_by bigint references identity_people,
  decided_at timestamptz,
  reason text check (length(reason) between 1 and 500),
  check ((state = 'REQUESTED') = (decided_at is null)),
  check ((decided_at is null) = (decided_by is null)),
  check (state <> 'REFUSED' or reason is not null),
  check (decided_by is null or decided_by <> person_id)
);
comment on table kyc_erasures is 'Who asked to be forgotten, and what was decided.';
create unique index kyc_erasures_waiting on kyc_erasures (person_id) where state = 'REQUESTED';
do $$
begin
  if exists (select from pg_roles where rolname = 'cauri_app') then
    revoke update, delete, truncate on kyc_tiers from cauri_app;
    revoke delete, truncate on kyc_usage, kyc_erasures from cauri_app;
  end if;
end $$;
