create table identity_stream_tickets (
  -- sha256 of an opaque secret.
  hash bytea primary key check (length(hash) = 32),
  session_id text not null references identity_sessions,
  person_id bigint not null references identity_people,
  -- For which of his organisations; null where he named none.
  organization_id bigint references identity_organizations,
  created_at timestamptz not null default cauri_now(),
  expires_at timestamptz not null check (expires_at > created_at)
);
comment on table identity_stream_tickets is 'Each opens one event stream, once, within a minute: whoever deletes the row has spent it.';
create index identity_stream_tickets_age on identity_stream_tickets (expires_at);

select platform_guard_by_organization('identity_stream_tickets');
-- A person asks for his own, whichever of his organisations it is for.
create policy himself on identity_stream_tickets using (platform_is_self(person_id));
