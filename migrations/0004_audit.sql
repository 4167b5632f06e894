create table audit_events (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  actor text not null,
  action text not null,
  subject text not null,
  organization_id bigint,
  detail jsonb not null default '{}'
);
comment on table audit_events is 'Who did what to which subject, written in the transaction of the act. Append-only.';
create index audit_events_subject on audit_events (subject, id);
create trigger audit_events_append_only before update or delete on audit_events
  for each row execute function platform_append_only();
create trigger audit_events_no_truncate before truncate on audit_events execute function platform_append_only();
do $$
begin
  if exists (select from pg_roles where rolname = 'cauri_app') then
    revoke update, delete, truncate on audit_events from cauri_app;
  end if;
end $$;
