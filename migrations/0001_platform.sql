-- The role that the application's statements run as. It cannot change or delete what the ledger and the audit
-- trail hold, and owns nothing. Where the database's user may not create roles, the triggers alone hold the rule.
do $$
begin
  if not exists (select from pg_roles where rolname = 'cauri_app') then
    create role cauri_app nologin;
  end if;
  execute format('grant cauri_app to %I', current_user);
exception
  when insufficient_privilege then raise notice 'role cauri_app cannot be created by %; triggers alone protect the ledger', current_user;
  when duplicate_object or unique_violation then execute format('grant cauri_app to %I', current_user);
end $$;

do $$
begin
  if exists (select from pg_roles where rolname = 'cauri_app') then
    grant usage on schema public to cauri_app;
    grant select on platform_migrations to cauri_app;
    alter default privileges in schema public grant select, insert, update, delete on tables to cauri_app;
    alter default privileges in schema public grant usage, select on sequences to cauri_app;
    alter default privileges in schema public grant execute on functions to cauri_app;
  end if;
end $$;

-- The sandbox's clock runs ahead of the database's by this much. In production it stays zero.
create table platform_clock (
  one boolean primary key default true check (one),
  ahead interval not null default '0'
);
insert into platform_clock default values;

create function cauri_now() returns timestamptz language sql stable as
$$ select now() + ahead from platform_clock $$;
comment on function cauri_now is 'The time of this transaction: the database''s clock plus the sandbox''s offset. Deadlines use it; leases use clock_timestamp().';

create function platform_advance_clock(seconds float8) returns interval language sql as
$$ update platform_clock set ahead = ahead + seconds * interval '1 second' where seconds >= 0 returning ahead $$;

-- Makes a table append-only, for its owner too.
create function platform_append_only() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;
