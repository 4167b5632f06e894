-- Nobody makes an administrator or an arbiter alone.
create table identity_role_changes (
  id bigint generated always as identity primary key,
  person_id bigint not null references identity_people,
  -- As they were when it was proposed: where they have changed since, it is void.
  roles_before text[] not null,
  roles text[] not null check (
    cardinality(roles) between 1 and 4 and roles <@ array['BUYER', 'SELLER', 'ARBITRE', 'ADMIN']
  ),
  proposed_by bigint not null references identity_people,
  proposed_at timestamptz not null default cauri_now(),
  expires_at timestamptz not null,
  state text not null default 'OPEN' check (state in ('OPEN', 'CONFIRMED', 'REJECTED', 'REPLACED')),
  decided_by bigint references identity_people,
  decided_at timestamptz,
  check ((state = 'OPEN') = (decided_at is null)),
  check ((state = 'OPEN') = (decided_by is null)),
  check (expires_at > proposed_at),
  constraint identity_role_changes_four_eyes check (
    state <> 'CONFIRMED' or (decided_by <> proposed_by and decided_by <> person_id)
  )
);
comment on table identity_role_changes is 'Roles of administrators and arbiters, proposed by one administrator and confirmed by another. What is decided stays decided.';
create unique index identity_role_changes_open on identity_role_changes (person_id) where state = 'OPEN';

-- The lists of administrators: newest first, by state.
create index identity_people_kyc on identity_people (kyc_status, id);
