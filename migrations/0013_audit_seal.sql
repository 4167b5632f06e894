-- A Merkle log over audit_events (RFC 6962 §2.1). The order of its leaves is the order of sealing: ids are handed out
-- before commits, so an act with a lower id may appear later, and is then simply sealed later.
create table audit_log (
  one boolean primary key default true check (one),
  -- Made with the database; the origin of every checkpoint carries it.
  log_id uuid not null default gen_random_uuid()
);
comment on table audit_log is 'Which log this is, so that no checkpoint of another one passes for its own. Append-only.';
insert into audit_log default values;

create table audit_leaves (
  leaf_index bigint primary key check (leaf_index >= 0),
  event_id bigint not null unique references audit_events (id),
  -- SHA-256 of 0x00 and the canonical bytes of the event.
  hash bytea not null check (length(hash) = 32)
);
comment on table audit_leaves is 'The sealed acts in the order of the log. Append-only.';

create table audit_nodes (
  level smallint not null check (level between 1 and 52),
  node_index bigint not null check (node_index >= 0),
  -- SHA-256 of 0x01 and the hashes of its two children.
  hash bytea not null check (length(hash) = 32),
  primary key (level, node_index)
);
comment on table audit_nodes is 'Hashes of the complete subtrees, 2^level leaves each: a seal and a proof read a few of them, never all leaves. Append-only.';

create table audit_checkpoints (
  size bigint primary key check (size > 0),
  root bytea not null check (length(root) = 32),
  -- The signed text (C2SP tlog-checkpoint).
  note text not null,
  sealed_at timestamptz not null default clock_timestamp()
);
comment on table audit_checkpoints is 'The signed roots of the log, one for each seal. Append-only.';

create table audit_unsealed (
  event_id bigint primary key references audit_events (id)
);
comment on table audit_unsealed is 'Acts that wait for their seal. A row appears with the commit of its act, whatever its id, and goes when it is sealed.';
insert into audit_unsealed select id from audit_events;

create function audit_await_seal() returns trigger language plpgsql as $$
begin
  insert into audit_unsealed select id from added;
  return null;
end $$;
create trigger audit_events_await_seal after insert on audit_events
  referencing new table as added for each statement execute function audit_await_seal();

create trigger audit_log_append_only before update or delete on audit_log
  for each row execute function platform_append_only();
create trigger audit_log_no_truncate before truncate on audit_log execute function platform_append_only();
create trigger audit_leaves_append_only before update or delete on audit_leaves
  for each row execute function platform_append_only();
create trigger audit_leaves_no_truncate before truncate on audit_leaves execute function platform_append_only();
create trigger audit_nodes_append_only before update or delete on audit_nodes
  for each row execute function platform_append_only();
create trigger audit_nodes_no_truncate before truncate on audit_nodes execute function platform_append_only();
create trigger audit_checkpoints_append_only before update or delete on audit_checkpoints
  for each row execute function platform_append_only();
create trigger audit_checkpoints_no_truncate before truncate on audit_checkpoints
  execute function platform_append_only();
do $$
begin
  if exists (select from pg_roles where rolname = 'cauri_app') then
    revoke update, delete, truncate on audit_leaves, audit_nodes, audit_checkpoints from cauri_app;
    revoke insert, update, delete, truncate on audit_log from cauri_app;
    revoke update, truncate on audit_unsealed from cauri_app;
  end if;
end $$;
