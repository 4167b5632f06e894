create table kyc_consents (
  id bigint generated always as identity primary key,
  person_id bigint not null references identity_people,
  version text not null check (length(version) between 1 and 40),
  language text not null check (language in ('fr', 'en')),
  -- Of the text as the person could read it.
  text_sha256 bytea not null check (length(text_sha256) = 32),
  granted_at timestamptz not null default cauri_now()
);
comment on table kyc_consents is 'Who agreed to which version of the text about checking identities, and in which language. Append-only.';
create index kyc_consents_person on kyc_consents (person_id, id);
create trigger kyc_consents_append_only before update or delete on kyc_consents
  for each row execute function platform_append_only();
create trigger kyc_consents_no_truncate before truncate on kyc_consents execute function platform_append_only();

create table kyc_documents (
  -- Also the file's name in the store.
  id text primary key check (id ~ '^doc-[0-9a-z]{26}$'),
  person_id bigint not null references identity_people,
  document_type text not null
    check (document_type in ('ID_FRONT', 'ID_BACK', 'SELFIE', 'PROOF_OF_ADDRESS', 'SIGNATURE')),
  -- Of ID_FRONT, as the person says it.
  id_type text check (id_type in ('NATIONAL_ID', 'PASSPORT', 'RESIDENT_ID', 'DRIVERS_LICENSE')),
  country text check (country ~ '^[A-Z]{2}$'),
  media_type text not null check (media_type in ('image/jpeg', 'application/pdf')),
  bytes integer not null check (bytes > 0),
  width integer check (width > 0),
  height integer check (height > 0),
  -- What the file was called, cleaned, to be shown; it never names a file of ours.
  file_name text check (length(file_name) between 1 and 100),
  warnings text[] not null default '{}',
  -- The file's own key, wrapped; gone with the file when it is erased.
  key_version text,
  wrapped_key bytea,
  uploaded_at timestamptz not null default cauri_now(),
  superseded_at timestamptz check (superseded_at >= uploaded_at),
  erased_at timestamptz check (erased_at >= uploaded_at),
  -- The bytes in the store are removed after the commit that erased the row.
  file_removed_at timestamptz,
  check ((erased_at is null) = (wrapped_key is not null)),
  check ((wrapped_key is null) = (key_version is null)),
  check (erased_at is null or file_name is null),
  check (file_removed_at is null or erased_at is not null),
  check ((media_type = 'image/jpeg') = (width is not null)),
  check ((width is null) = (height is null)),
  check ((document_type = 'ID_FRONT') = (id_type is not null)),
  check ((id_type is null) = (country is null))
);
comment on table kyc_documents is 'What people sent to prove who they are. The bytes lie sealed in the file store; here is the wrapped key that opens them. Erased: the key is gone, the row stays.';
create unique index kyc_documents_current on kyc_documents (person_id, document_type)
  where superseded_at is null and erased_at is null;
create index kyc_documents_person on kyc_documents (person_id, uploaded_at);
create index kyc_documents_erased on kyc_documents (erased_at) where erased_at is not null and file_removed_at is null;
create index kyc_documents_keys on kyc_documents (key_version, id) where wrapped_key is not null;

create table kyc_cases (
  person_id bigint primary key references identity_people,
  -- Why the last decision was as it was: a code of ours, and an administrator's own words.
  reason text check (length(reason) between 1 and 60),
  note text check (length(note) between 1 and 500),
  refused_by_provider boolean not null default false,
  submitted_at timestamptz,
  decided_at timestamptz,
  -- People must look since then.
  review_since timestamptz,
  document_expires_on date,
  -- The first of two administrators, where the provider had refused.
  first_approval_by bigint references identity_people,
  first_approval_at timestamptz,
  check ((first_approval_by is null) = (first_approval_at is null)),
  check (first_approval_by is null or refused_by_provider)
);
comment on table kyc_cases is 'Where the proof of a person''s identity stands, beside the status that identity keeps.';
create index kyc_cases_review on kyc_cases (review_since, person_id) where review_since is not null;

create table kyc_decisions (
  id bigint generated always as identity primary key,
  person_id bigint not null references identity_people,
  -- person:4, provider:smile-id-v1, or kyc for what time does.
  decided_by text not null check (length(decided_by) between 1 and 60),
  event text not null check (
    event in ('COMPLETE', 'HAND_OVER', 'CLEAR', 'REFUSED', 'RESUBMIT', 'REVIEW', 'APPROVE', 'REJECT', 'EXPIRE')
  ),
  from_status text not null,
  to_status text not null,
  reason text,
  note text check (length(note) between 1 and 500),
  check_id text,
  at timestamptz not null default cauri_now()
);
comment on table kyc_decisions is 'Every step of a person''s status, and who took it. Append-only.';
create index kyc_decisions_person on kyc_decisions (person_id, id);
create trigger kyc_decisions_append_only before update or delete on kyc_decisions
  for each row execute function platform_append_only();
create trigger kyc_decisions_no_truncate before truncate on kyc_decisions execute function platform_append_only();

create table kyc_holds (
  id bigint generated always as identity primary key,
  person_id bigint not null references identity_people,
  reason text not null check (length(reason) between 1 and 500),
  set_by bigint not null references identity_people,
  set_at timestamptz not null default cauri_now(),
  released_by bigint references identity_people,
  released_at timestamptz check (released_at >= set_at),
  release_reason text check (length(release_reason) between 1 and 500),
  check ((released_at is null) = (released_by is null)),
  check ((released_at is null) = (release_reason is null))
);
comment on table kyc_holds is 'Legal holds: while one stands, nothing of the person is erased.';
create unique index kyc_holds_standing on kyc_holds (person_id) where released_at is null;

do $$
begin
  if exists (select from pg_roles where rolname = 'cauri_app') then
    revoke update, delete, truncate on kyc_consents, kyc_decisions from cauri_app;
    revoke delete, truncate on kyc_documents, kyc_holds from cauri_app;
  end if;
end $$;
