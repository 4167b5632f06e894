create table identity_organizations (
  id bigint generated always as identity primary key,
  name text not null unique check (length(name) between 1 and 200),
  created_at timestamptz not null default cauri_now()
);
comment on table identity_organizations is 'A pension fund, an employer, an NGO: who owns payer accounts and batches.';

create view identity_public_organizations as select id, name from identity_organizations;
comment on view identity_public_organizations is 'Names of organisations, for other modules'' lists.';
