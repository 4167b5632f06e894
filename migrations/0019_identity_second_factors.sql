create table identity_second_factors (
  person_id bigint primary key references identity_people,
  sealed_secret bytea not null,
  created_at timestamptz not null default cauri_now(),
  -- Until then it protects nothing: the person has not shown yet that the app has the secret.
  confirmed_at timestamptz,
  -- The newest step that was used: a code is good once.
  last_step bigint not null default 0 check (last_step >= 0)
);
comment on table identity_second_factors is 'Time-based codes of an app (RFC 6238); the secret is sealed.';

create table identity_recovery_codes (
  person_id bigint not null references identity_second_factors on delete cascade,
  hash bytea not null check (length(hash) = 32),
  used_at timestamptz,
  primary key (person_id, hash)
);
comment on table identity_recovery_codes is 'Keyed hashes of the codes that stand in for a lost app, each once.';
