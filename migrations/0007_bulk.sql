create table bulk_batches (
  id bigint primary key references payments_batches,
  bulk_id text not null unique check (bulk_id like 'bulk-%'),
  organization_id bigint not null references identity_organizations,
  account_id bigint not null references payments_accounts,
  parent_id bigint references bulk_batches,
  file_name text,
  file_sha256 bytea,
  -- The same for the same rows, whatever their order, encoding or line ends.
  list_hash text not null,
  callback_url text,
  -- False when the address is Cauri's own: nothing is sent to oneself.
  callback_wanted boolean not null default false,
  warnings jsonb not null default '[]',
  created_by text not null,
  created_at timestamptz not null default cauri_now(),
  check (not callback_wanted or callback_url is not null)
);
comment on table bulk_batches is 'What a customer uploaded. Its state is the payments'': this row never changes.';
create index bulk_batches_organization on bulk_batches (organization_id, id);
create index bulk_batches_list on bulk_batches (account_id, list_hash, created_at);
create trigger bulk_batches_append_only before update or delete on bulk_batches
  for each row execute function platform_append_only();

create view bulk_public_batches as
  select b.id, b.bulk_id, b.organization_id, o.name as organization, b.account_id, a.account_id as payer_account,
    parent.bulk_id as parent, b.file_name, b.list_hash, b.callback_url, b.callback_wanted, b.created_by, b.created_at,
    p.finished_at as completed_at, p.state, p.currency, p.total, p.total_amount, p.completed, p.failed, p.cancelled,
    p.uncertain, p.pending, p.completed_amount, p.fees, p.paused, p.pause_reason, p.version
  from bulk_batches b
  join payments_public_batches p on p.id = b.id
  join payments_public_accounts a on a.id = b.account_id
  join identity_public_organizations o on o.id = b.organization_id
  left join bulk_batches parent on parent.id = b.parent_id;
comment on view bulk_public_batches is 'A batch with its state, for this module and for those that list batches.';
