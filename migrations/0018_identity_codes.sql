create table identity_codes (
  id bigint generated always as identity primary key,
  person_id bigint not null references identity_people,
  phone_number text not null,
  purpose text not null check (purpose in ('VERIFY_PHONE', 'RESET_PASSWORD')),
  code_hash bytea not null check (length(code_hash) = 32),
  tries smallint not null default 0 check (tries between 0 and 5),
  created_at timestamptz not null default cauri_now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  check (expires_at > created_at)
);
comment on table identity_codes is 'One-time codes, as keyed hashes. Only the newest of a person, phone and purpose counts; five tries each.';
create index identity_codes_newest on identity_codes (person_id, purpose, id);
create index identity_codes_sent on identity_codes (phone_number, purpose, created_at);

create table identity_code_failures (
  person_id bigint not null references identity_people,
  purpose text not null check (purpose in ('VERIFY_PHONE', 'RESET_PASSWORD')),
  failures integer not null check (failures >= 0),
  primary key (person_id, purpose)
);
comment on table identity_code_failures is 'Wrong codes in a row, over all codes. At the limit no code is accepted until another factor or a person helps.';

create table identity_code_budgets (
  hour timestamptz primary key,
  failures integer not null check (failures >= 0)
);
comment on table identity_code_budgets is 'Wrong codes of everybody in one hour. Above the budget no code is looked at until the hour is over.';
