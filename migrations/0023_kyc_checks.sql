create table kyc_checks (
  -- Ours, told to the provider.
  id text primary key check (id ~ '^chk-[0-9a-z]{26}$'),
  person_id bigint not null references identity_people,
  -- PREPARED: not handed over. UNCERTAIN: handing over was begun, and what came of it is not known. SUBMITTED: the provider has
  -- it. DECIDED: its final verdict was read. GIVEN_UP: it never will be.
  state text not null default 'PREPARED' check (state in ('PREPARED', 'UNCERTAIN', 'SUBMITTED', 'DECIDED', 'GIVEN_UP')),
  country text not null check (country ~ '^[A-Z]{2}$'),
  id_type text not null,
  consent_id bigint not null references kyc_consents,
  document_ids text[] not null check (cardinality(document_ids) between 2 and 5),
  -- The check that this one takes the place of: the provider did not take it, or failed at it.
  replaces text references kyc_checks,
  -- 1 for the first one, and one more than that of the check that it replaces.
  attempt integer not null default 1 check (attempt >= 1),
  provider text,
  provider_job text,
  -- What a callback said the provider calls the job: to ask with, and proof of nothing.
  hinted_job text check (length(hinted_job) between 1 and 200),
  -- When somebody looks next. A job may bring it forward; nothing depends on that.
  next_at timestamptz not null default cauri_now(),
  asked integer not null default 0 check (asked >= 0),
  -- How often the provider said, after its own delay, that it does not know the job.
  not_found integer not null default 0 check (not_found >= 0),
  hinted_at timestamptz,
  created_at timestamptz not null default cauri_now(),
  begun_at timestamptz,
  ended_at timestamptz,
  -- A word of ours, or the provider's own code; never its sentence.
  because text check (length(because) between 1 and 100),
  outcome text check (outcome in ('CLEAR', 'REFUSED', 'RESUBMIT', 'REVIEW', 'ERROR')),
  reason text,
  code text check (length(code) <= 100),
  -- What the provider read on the document, sealed.
  found_key_version text,
  found_wrapped_key bytea,
  found_sealed bytea,
  check ((state = 'PREPARED') = (begun_at is null) or state = 'GIVEN_UP'),
  check ((state in ('DECIDED', 'GIVEN_UP')) = (ended_at is not null)),
  check ((state = 'DECIDED') = (outcome is not null)),
  check (state <> 'GIVEN_UP' or because is not null),
  check ((outcome is null) = (reason is null)),
  check ((begun_at is null) = (provider is null)),
  check ((replaces is null) = (attempt = 1)),
  check ((found_sealed is null) = (found_wrapped_key is null)),
  check ((found_sealed is null) = (found_key_version is null)),
  check (found_sealed is null or state = 'DECIDED')
);
comment on table kyc_checks is 'What was handed to the provider that checks identities, one row per job, written before the call. Only what it says when asked decides.';
create unique index kyc_checks_open on kyc_checks (person_id) where ended_at is null;
create unique index kyc_checks_replaced on kyc_checks (replaces) where replaces is not null;
create index kyc_checks_due on kyc_checks (next_at) where ended_at is null;
create index kyc_checks_person on kyc_checks (person_id, created_at);
create index kyc_checks_keys on kyc_checks (found_key_version, id) where found_wrapped_key is not null;
do $$
begin
  if exists (select from pg_roles where rolname = 'cauri_app') then
    revoke delete, truncate on kyc_checks from cauri_app;
  end if;
end $$;
