-- One row per Idempotency-Key of one caller on one route. Claimed (status is null) with a lease before the work;
-- completed in the transaction of the effect, so that the answer exists exactly when the effect does.
create table platform_idempotency (
  scope text not null check (length(scope) <= 500),
  key text not null check (length(key) between 1 and 255),
  fingerprint bytea not null check (length(fingerprint) = 32),
  token uuid not null,
  lease_until timestamptz not null,
  status smallint check (status between 200 and 399),
  headers json,
  body json, -- json, not jsonb: the text is kept, so a replay is the same bytes
  created_at timestamptz not null default clock_timestamp(),
  completed_at timestamptz,
  primary key (scope, key),
  check ((status is null) = (completed_at is null))
);
create index platform_idempotency_age on platform_idempotency (created_at);
comment on table platform_idempotency is 'Answers kept for 90 days; a row without status is a request that is running or died (lease_until tells).';

-- Facts for the outside (SMS, e-mail, webhooks), written in the transaction of the fact. A row is deleted in the
-- transaction that turns it into deliveries; one that cannot be turned is kept with dead_at.
create table platform_outbox (
  id bigint generated always as identity primary key,
  kind text not null,
  subject text not null,
  payload jsonb not null,
  tries integer not null default 0 check (tries >= 0),
  due_at timestamptz not null default clock_timestamp(),
  last_error text,
  dead_at timestamptz,
  created_at timestamptz not null default clock_timestamp()
);
create index platform_outbox_due on platform_outbox (id) where dead_at is null;
create index platform_outbox_dead on platform_outbox (dead_at) where dead_at is not null;
