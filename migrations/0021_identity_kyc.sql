-- When the identity was last proven, and until when that is good; none: until somebody decides otherwise.
alter table identity_people add column kyc_verified_at timestamptz;
alter table identity_people add column kyc_expires_at timestamptz;
-- The person asked to be forgotten: what named him is gone, the number of the row stays for the books.
alter table identity_people add column erased_at timestamptz;
comment on column identity_people.kyc_verified_at is 'When the identity was last proven';
comment on column identity_people.kyc_expires_at is 'Until when the proof is good; null: no end';
comment on column identity_people.erased_at is 'When what named the person was erased';

update identity_people set kyc_verified_at = updated_at where kyc_status in ('VERIFIED', 'EXPIRED');

alter table identity_people add constraint identity_people_kyc_proven
  check (kyc_status not in ('VERIFIED', 'EXPIRED') or kyc_verified_at is not null);
alter table identity_people add constraint identity_people_kyc_expires
  check (kyc_expires_at is null or kyc_expires_at > kyc_verified_at);
alter table identity_people add constraint identity_people_erased
  check (erased_at is null or (not is_active and email is null and date_of_birth is null));
create index identity_people_kyc_expiry on identity_people (kyc_expires_at) where kyc_status = 'VERIFIED';
