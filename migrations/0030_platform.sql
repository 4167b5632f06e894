-- The second net below the matrix of who may do what: rows of an organisation are seen only by statements that say for
-- whom they ask. A role for each kind of process; the API's sees what it asks for, worker and reader see everything.
create function platform_make_roles() returns void language plpgsql as $$
declare
  wanted name;
  missing boolean;
begin
  -- Roles belong to the whole server: another database of it may be making the same ones at this moment.
  for attempt in 1..50 loop
    begin
      if not exists (select from pg_roles where rolname = 'cauri_app') then
        return;
      end if;
      foreach wanted in array array['cauri_api', 'cauri_worker', 'cauri_reader']::name[] loop
        if not exists (select from pg_roles where rolname = wanted) then
          execute format('create role %I nologin', wanted);
        end if;
        if not pg_has_role(current_user, wanted, 'set') then
          execute format('grant %I to %I', wanted, current_user);
        end if;
        -- What cauri_app may, both may, now and later; what was taken from it, neither has.
        if wanted <> 'cauri_reader' and not pg_has_role(wanted, 'cauri_app', 'usage') then
          execute format('grant cauri_app to %I', wanted);
        end if;
      end loop;
      return;
    exception
      when insufficient_privilege then
        raise notice 'roles cauri_api, cauri_worker and cauri_reader cannot be made by %; organisations are kept apart by the program alone', current_user;
        return;
      when duplicate_object or unique_violation or internal_error then
        perform pg_sleep(0.05);
    end;
  end loop;
end $$;
comment on function platform_make_roles is 'Makes the roles of API, worker and reader where they are missing and the database''s user may.';

select platform_make_roles();

-- For whom the connection asks: an organisation's id, person:<id>, all, or nothing, which sees nothing. Worker and reader have a
-- policy of their own that is simply true, so that the planner drops the question; cauri_app, whose rights they have, is what
-- earlier releases run as.
create function platform_sees_all() returns boolean language sql stable parallel safe as
$$ select current_user = 'cauri_app' or current_setting('cauri.scope', true) = 'all' $$;
comment on function platform_sees_all is 'Whether the connection asks for everybody: the setting cauri.scope.';

create function platform_sees(organization bigint) returns boolean language sql stable parallel safe as
$$ select current_user = 'cauri_app' or current_setting('cauri.scope', true) in ('all', organization::text) $$;
comment on function platform_sees is 'Whether the connection asks for this organisation.';

create function platform_is_self(person bigint) returns boolean language sql stable parallel safe as
$$ select current_setting('cauri.scope', true) = 'person:' || person $$;
comment on function platform_is_self is 'Whether the connection asks for this person.';

create function platform_open_to_all(relation regclass) returns void language plpgsql as $$
begin
  if (select count(*) = 2 from pg_roles where rolname in ('cauri_worker', 'cauri_reader'))
    and not exists (select from pg_policy where polrelid = relation and polname = 'everything') then
    execute format('create policy everything on %s to cauri_worker, cauri_reader using (true)', relation);
  end if;
end $$;

create function platform_guard(relation regclass) returns void language plpgsql as $$
begin
  execute format('alter table %s enable row level security', relation);
  perform platform_open_to_all(relation);
end $$;
comment on function platform_guard is 'For migrations: puts a table under row-level security, and lets worker and reader see all of it. What the API sees is for its own policies to say.';

create function platform_guard_by_organization(relation regclass, organization name default 'organization_id')
returns void language plpgsql as $$
begin
  perform platform_guard(relation);
  execute format('create policy by_organization on %s using (platform_sees(%I))', relation, organization);
end $$;
comment on function platform_guard_by_organization is 'For migrations: guards a table; the API sees and writes the rows of the organisation that it asks for.';

create function platform_guard_module(module name) returns void language plpgsql as $$
declare
  relation regclass;
begin
  for relation in
    select c.oid from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relrowsecurity
      and starts_with(c.relname, module || '_') and a.attname = 'organization_id' and not a.attisdropped
    order by c.relname
  loop
    perform platform_guard_by_organization(relation);
  end loop;
end $$;
comment on function platform_guard_module is 'For migrations: guards by organisation each table of a module that names one and is not guarded yet.';

-- A view shows what its caller may see, not what its owner may.
do $$
declare
  relation regclass;
begin
  for relation in
    select oid from pg_class where relnamespace = 'public'::regnamespace and relkind = 'v'
      and pg_has_role(relowner, 'usage') order by relname
  loop
    execute format('alter view %s set (security_invoker = true)', relation);
  end loop;
end $$;

-- What looks like a secret is not read by people: bytes, names of secrets, texts that are sent or kept for somebody, and
-- what its comment calls «Secret».
create function platform_is_secret(a pg_attribute) returns boolean language sql stable as $$
  select a.atttypid = 'bytea'::regtype
    or a.attname ~ '(secret|sealed|password|phc|hash|(^|_)key$)' and a.attname <> 'list_hash'
    or a.attname ~ 'token' and a.atttypid <> 'bigint'::regtype
    or a.attname in ('body', 'headers', 'payload', 'text')
    or coalesce(col_description(a.attrelid, a.attnum) ~ '^Secret', false)
$$;
comment on function platform_is_secret is 'Whether a column is kept from the reader: bytea, named like a secret, a text for somebody, or commented «Secret…». A list_hash is of rows that he reads anyway.';

create function platform_settle_roles() returns void language plpgsql as $$
declare
  one record;
begin
  perform platform_make_roles();
  for one in
    select oid::regclass as relation from pg_class
    where relnamespace = 'public'::regnamespace and relrowsecurity and pg_has_role(relowner, 'usage') order by oid
  loop
    perform platform_open_to_all(one.relation);
  end loop;
  if not exists (select from pg_roles where rolname = 'cauri_reader') then
    return;
  end if;
  if not has_schema_privilege('cauri_reader', 'public', 'usage') then
    grant usage on schema public to cauri_reader;
  end if;
  for one in
    select c.oid::regclass as relation, is_secret,
      string_agg(quote_ident(a.attname), ', ' order by a.attnum) as names
    from pg_class c join pg_attribute a on a.attrelid = c.oid, platform_is_secret(a) as is_secret
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and pg_has_role(c.relowner, 'usage')
      and a.attnum > 0 and not a.attisdropped
      and has_column_privilege('cauri_reader', c.oid, a.attnum, 'select') = is_secret
    group by c.oid, is_secret order by c.oid
  loop
    if one.is_secret then
      execute format('revoke select (%s) on %s from cauri_reader', one.names, one.relation);
    else
      execute format('grant select (%s) on %s to cauri_reader', one.names, one.relation);
    end if;
  end loop;
end $$;
comment on function platform_settle_roles is 'Roles belong to the server and may come after the tables: makes them where they are missing, opens guarded tables to worker and reader, and gives the reader each column that is no secret. Each start of Cauri does it.';
