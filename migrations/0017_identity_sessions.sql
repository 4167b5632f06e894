create table identity_signing_keys (
  kid text primary key check (kid ~ '^[A-Za-z0-9_-]{43}$'),
  public_key bytea not null check (length(public_key) = 32),
  sealed_private_key bytea not null,
  -- Tells which key it was sealed under: what another secret sealed signs nothing, and what it signed stays valid.
  sealed_under bytea not null check (length(sealed_under) = 8),
  created_at timestamptz not null default cauri_now(),
  sign_until timestamptz not null,
  verify_until timestamptz not null,
  check (verify_until > sign_until)
);
comment on table identity_signing_keys is 'Ed25519 keys of access tokens. The newest signs; a retired one still verifies what it signed.';

create table identity_sessions (
  id text primary key check (id ~ '^ses-[0-9a-z]{26}$'),
  person_id bigint not null references identity_people,
  user_agent text check (length(user_agent) <= 200),
  address text check (length(address) <= 45),
  created_at timestamptz not null default cauri_now(),
  last_used_at timestamptz not null default cauri_now(),
  expires_at timestamptz not null,
  ended_at timestamptz,
  ended_because text check (
    ended_because in ('LOGOUT', 'REVOKED', 'REUSE', 'PASSWORD_CHANGED', 'PASSWORD_RESET')
  ),
  check ((ended_at is null) = (ended_because is null))
);
comment on table identity_sessions is 'A sign-in on one device: the family of its refresh tokens. Ended is for good.';
create index identity_sessions_person on identity_sessions (person_id) where ended_at is null;

create table identity_refresh_tokens (
  hash bytea primary key check (length(hash) = 32),
  session_id text not null references identity_sessions,
  generation integer not null check (generation >= 1),
  created_at timestamptz not null default cauri_now(),
  expires_at timestamptz not null,
  spent_at timestamptz,
  -- The next token, sealed under this one: only who has this one can be told it again.
  sealed_successor bytea,
  repeated_at timestamptz,
  unique (session_id, generation),
  check ((spent_at is null) = (sealed_successor is null)),
  check (repeated_at is null or spent_at is not null)
);
comment on table identity_refresh_tokens is 'sha256 of opaque refresh tokens. Each is spent once, for the next of its session.';
