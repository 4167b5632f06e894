create table identity_approval_limits (
  organization_id bigint not null references identity_organizations,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  amount bigint not null check (amount between 0 and 9007199254740991),
  primary key (organization_id, currency)
);
comment on table identity_approval_limits is 'Above which amount an organisation’s batch needs a second person. No row: none does.';

-- What one person alone may not change. Its effect comes with the confirmation, in the same transaction.
create table identity_proposals (
  id text primary key check (id ~ '^prp-[0-9a-z]{26}$'),
  organization_id bigint not null references identity_organizations,
  kind text not null check (kind in ('SETTINGS', 'MEMBER_ROLES')),
  payload jsonb not null check (jsonb_typeof(payload) = 'object'),
  -- Whose roles.
  subject_person_id bigint references identity_people,
  proposed_by text not null check (length(proposed_by) between 1 and 200),
  proposed_person_id bigint not null references identity_people,
  created_at timestamptz not null default cauri_now(),
  state text not null default 'PROPOSED' check (state in ('PROPOSED', 'CONFIRMED', 'REJECTED')),
  decided_by text,
  decided_person_id bigint references identity_people,
  decided_at timestamptz,
  check ((kind = 'MEMBER_ROLES') = (subject_person_id is not null)),
  check ((state = 'PROPOSED') = (decided_by is null)),
  check ((decided_by is null) = (decided_at is null)),
  check ((decided_by is null) = (decided_person_id is null)),
  constraint identity_proposals_two_people check (decided_by <> proposed_by and decided_person_id <> proposed_person_id),
  constraint identity_proposals_not_himself check (state <> 'CONFIRMED' or decided_person_id is distinct from subject_person_id)
);
comment on table identity_proposals is 'What one member proposed and another decides: settings, and roles that approve or fund.';
create index identity_proposals_organization on identity_proposals (organization_id, id);

create table identity_invitations (
  id text primary key check (id ~ '^inv-[0-9a-z]{26}$'),
  organization_id bigint not null references identity_organizations,
  phone_number text check (phone_number ~ '^\+[1-9][0-9]{5,14}$'),
  email text check (length(email) between 3 and 254),
  roles text[] not null check (
    cardinality(roles) between 1 and 5
    and roles <@ array['GESTIONNAIRE', 'APPROBATEUR', 'TRESORIER', 'SUPERVISEUR', 'DEVELOPPEUR']
  ),
  language text not null check (language in ('fr', 'en')),
  token_hash bytea not null unique check (length(token_hash) = 32),
  invited_by text not null check (length(invited_by) between 1 and 200),
  invited_person_id bigint not null references identity_people,
  created_at timestamptz not null default cauri_now(),
  expires_at timestamptz not null,
  accepted_at timestamptz,
  accepted_person_id bigint references identity_people,
  revoked_at timestamptz,
  revoked_by text,
  check (num_nonnulls(phone_number, email) = 1),
  check (expires_at > created_at),
  check ((accepted_at is null) = (accepted_person_id is null)),
  check ((revoked_at is null) = (revoked_by is null)),
  check (num_nonnulls(accepted_at, revoked_at) <= 1),
  constraint identity_invitations_two_people check (accepted_person_id <> invited_person_id)
);
comment on table identity_invitations is 'Who was asked to join an organisation, with the sha256 of the token that went to that phone or mailbox.';
create index identity_invitations_organization on identity_invitations (organization_id, id);

create table identity_service_accounts (
  id bigint generated always as identity primary key,
  organization_id bigint not null references identity_organizations,
  name text not null check (length(name) between 1 and 100),
  created_by text not null check (length(created_by) between 1 and 200),
  created_at timestamptz not null default cauri_now(),
  closed_at timestamptz,
  unique (organization_id, name),
  unique (organization_id, id)
);
comment on table identity_service_accounts is 'Programs that act for an organisation: they own keys, and outlive the people who made them.';

create table identity_api_keys (
  -- Its public part: crockford base 32, no letter that looks like another.
  public_id text primary key check (public_id ~ '^[0-9a-hjkmnp-tv-z]{12}$'),
  organization_id bigint not null,
  service_account_id bigint not null,
  mode text not null check (mode in ('live', 'test')),
  scopes text[] not null check (cardinality(scopes) between 1 and 50),
  -- Addresses and networks that it may call from; none: from anywhere.
  addresses text[] not null default '{}' check (cardinality(addresses) <= 50),
  created_by text not null check (length(created_by) between 1 and 200),
  -- Who knows the secret; null where an operator made it on the machine.
  created_person_id bigint references identity_people,
  created_at timestamptz not null default cauri_now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  revoked_by text,
  -- To the minute only: it is written beside the calls, not in them.
  last_used_at timestamptz,
  last_address text check (length(last_address) <= 45),
  foreign key (organization_id, service_account_id) references identity_service_accounts (organization_id, id),
  check (expires_at > created_at),
  check ((revoked_at is null) = (revoked_by is null)),
  check (last_used_at is not null or last_address is null)
);
comment on table identity_api_keys is 'Keys of programs: what they may do, from where, and until when. Revoked is for good.';
create index identity_api_keys_organization on identity_api_keys (organization_id, public_id);
create index identity_api_keys_service_account on identity_api_keys (service_account_id);

create table identity_api_key_secrets (
  hash bytea primary key check (length(hash) = 32),
  public_id text not null references identity_api_keys,
  created_by text not null check (length(created_by) between 1 and 200),
  created_person_id bigint references identity_people,
  created_at timestamptz not null default cauri_now(),
  -- Set when a newer one takes its place.
  expires_at timestamptz
);
comment on table identity_api_key_secrets is 'sha256 of what authenticates: 160 random bits need no slower hash. A rotated key has two for a while.';
create index identity_api_key_secrets_key on identity_api_key_secrets (public_id);
