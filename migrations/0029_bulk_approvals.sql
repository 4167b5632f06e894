create table bulk_approvals (
  batch_id bigint primary key references bulk_batches,
  -- What the organisation's limit was when the batch was made; a later change of it releases nothing.
  approval_over bigint not null check (approval_over >= 0),
  -- What was there to be read: an approval is of this list.
  list_hash text not null,
  -- Who made the batch: the member, or the people who know the key's secret.
  maker_people bigint[] not null,
  state text not null default 'WAITING' check (state in ('WAITING', 'APPROVED', 'REJECTED', 'CANCELLED')),
  decided_by text,
  decided_person_id bigint references identity_people,
  decided_at timestamptz,
  reason text check (length(reason) between 1 and 500),
  check ((state = 'WAITING') = (decided_by is null)),
  check ((decided_by is null) = (decided_at is null)),
  check (state = 'CANCELLED' or (decided_by is null) = (decided_person_id is null)),
  check (state <> 'REJECTED' or reason is not null),
  constraint bulk_approvals_another_person check (state = 'CANCELLED' or decided_person_id <> all (maker_people))
);
comment on table bulk_approvals is 'Batches above their organisation’s limit, and who decided. A row exists only where a decision was needed.';

-- What is decided stays decided, whoever comes at the same time.
create function bulk_approvals_decided() returns trigger language plpgsql as $$
begin
  raise exception 'a decided approval never changes' using errcode = 'restrict_violation';
end $$;
create trigger bulk_approvals_decided_once before update or delete on bulk_approvals
  for each row when (old.state <> 'WAITING') execute function bulk_approvals_decided();

create or replace view bulk_public_batches as
  select b.id, b.bulk_id, b.organization_id, o.name as organization, b.account_id, a.account_id as payer_account,
    parent.bulk_id as parent, b.file_name, b.list_hash, b.callback_url, b.callback_wanted, b.created_by, b.created_at,
    p.finished_at as completed_at, p.state, p.currency, p.total, p.total_amount, p.completed, p.failed, p.cancelled,
    p.uncertain, p.pending, p.completed_amount, p.fees, p.paused, p.pause_reason, p.version, p.awaiting_approval
  from bulk_batches b
  join payments_public_batches p on p.id = b.id
  join payments_public_accounts a on a.id = b.account_id
  join identity_public_organizations o on o.id = b.organization_id
  left join bulk_batches parent on parent.id = b.parent_id;
