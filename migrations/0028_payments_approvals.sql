-- A batch that awaits approval holds its money and is not open: whatever claims, looks for work or counts what is
-- stuck asks for open batches. The cursor of one that awaits cannot move, so not even a claim that forgot to ask could take a line.
alter table payments_batches add column awaits_approval boolean not null default false;
do $$
declare
  old text;
begin
  select conname into strict old from pg_constraint
  where conrelid = 'payments_batches'::regclass and contype = 'c' and pg_get_constraintdef(oid) ~ '\mopen\M';
  execute format('alter table payments_batches drop constraint %I', old);
end $$;
alter table payments_batches
  add constraint payments_batches_open
    check (open = (cancelled_from is null and next_seq <= total and not awaits_approval)),
  add constraint payments_batches_awaits_approval
    check (not awaits_approval or (next_seq = 1 and cancelled_from is null));

create or replace view payments_public_batches as
  select b.id, b.connection_id, b.account_id, b.currency, b.total, b.total_amount, b.next_seq, b.open, b.completed,
    b.failed, b.cancelled, b.uncertain, b.total - b.completed - b.failed - b.cancelled - b.uncertain as pending,
    b.completed_amount, b.fees, b.version, b.created_at, b.finished_at,
    b.finished_at is null and (b.paused or c.state = 'STOPPED') as paused,
    case when b.finished_at is not null then null when b.paused then b.pause_reason else c.stopped_because end as pause_reason,
    case
      when b.finished_at is null and b.next_seq = 1 then 'PENDING'
      when b.finished_at is null then 'PROCESSING'
      when b.completed = b.total then 'COMPLETED'
      when b.cancelled = b.total then 'CANCELLED'
      when b.completed = 0 and b.failed > 0 then 'FAILED'
      else 'PARTIALLY_COMPLETED'
    end as state,
    b.awaits_approval and b.finished_at is null as awaiting_approval
  from payments_batches b join payments_connections c on c.id = b.connection_id;

create table payments_top_ups (
  id text primary key check (id ~ '^top-[0-9a-z]{26}$'),
  account_id bigint not null references payments_accounts,
  amount bigint not null check (amount > 0),
  reference text not null check (reference ~ '^[A-Za-z0-9@._+-]{1,100}$'),
  proposed_by text not null check (length(proposed_by) between 1 and 200),
  -- The member, or the people who know the key's secret.
  proposed_people bigint[] not null,
  created_at timestamptz not null default cauri_now(),
  state text not null default 'PROPOSED' check (state in ('PROPOSED', 'BOOKED', 'REJECTED')),
  decided_by text,
  decided_person_id bigint references identity_people,
  decided_at timestamptz,
  check ((state = 'PROPOSED') = (decided_by is null)),
  check ((decided_by is null) = (decided_at is null)),
  check ((decided_by is null) = (decided_person_id is null)),
  constraint payments_top_ups_two_people check (decided_by <> proposed_by and decided_person_id <> all (proposed_people))
);
comment on table payments_top_ups is 'Money that somebody says has arrived. It is booked when another person confirms, and not before.';
-- A reference is one fact; one that was rejected may be proposed again.
create unique index payments_top_ups_reference on payments_top_ups (account_id, reference) where state <> 'REJECTED';
create index payments_top_ups_account on payments_top_ups (account_id, id);

-- What is decided stays decided.
create function payments_top_ups_decided() returns trigger language plpgsql as $$
begin
  raise exception 'a decided top-up never changes' using errcode = 'restrict_violation';
end $$;
create trigger payments_top_ups_decided_once before update or delete on payments_top_ups
  for each row when (old.state <> 'PROPOSED') execute function payments_top_ups_decided();
