create table integrity_checks (
  id bigint generated always as identity primary key,
  checked_at timestamptz not null default cauri_now(),
  checked_by text not null check (length(checked_by) between 1 and 200),
  duration_ms integer not null check (duration_ms >= 0),
  -- The ids of the invariants that were looked at.
  checked text[] not null,
  -- The breaches, as [{id, invariant, found}]; without personal data.
  breaches jsonb not null
);
comment on table integrity_checks is 'What each check of the invariants found. Append-only.';
create trigger integrity_checks_append_only before update or delete on integrity_checks
  for each row execute function platform_append_only();
