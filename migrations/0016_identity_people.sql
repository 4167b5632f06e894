create table identity_people (
  id bigint generated always as identity primary key,
  phone_number text not null constraint identity_people_phone unique check (phone_number ~ '^\+[1-9][0-9]{5,14}$'),
  email text check (length(email) between 3 and 254),
  first_name text not null check (length(first_name) between 1 and 100),
  last_name text not null check (length(last_name) between 1 and 100),
  roles text[] not null check (
    cardinality(roles) between 1 and 4 and roles <@ array['BUYER', 'SELLER', 'ARBITRE', 'ADMIN']
  ),
  preferred_language text not null default 'fr' check (preferred_language in ('fr', 'en')),
  date_of_birth date,
  address_street text check (length(address_street) <= 200),
  address_city text check (length(address_city) <= 100),
  address_region text check (length(address_region) <= 100),
  address_postal_code text check (length(address_postal_code) <= 20),
  address_country text check (address_country ~ '^[A-Z]{2}$'),
  phone_verified_at timestamptz,
  kyc_status text not null default 'PENDING' check (
    kyc_status in ('PENDING', 'SUBMITTED', 'UNDER_REVIEW', 'VERIFIED', 'REJECTED', 'EXPIRED')
  ),
  is_active boolean not null default true,
  created_at timestamptz not null default cauri_now(),
  updated_at timestamptz not null default cauri_now()
);
comment on table identity_people is 'Who signs in: buyers, sellers, arbiters, administrators. A phone number is one person.';
create unique index identity_people_email on identity_people (lower(email));

-- Apart from the person, so that no list of people can carry it.
create table identity_passwords (
  person_id bigint primary key references identity_people,
  phc text not null check (phc ~ '^\$argon2id\$v=19\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$'),
  changed_at timestamptz not null default cauri_now()
);
comment on table identity_passwords is 'What is left of a password: its argon2id hash, as a PHC string.';

-- The subject is a keyed hash of what is counted and of whom: no account and no address can be read from it.
create table identity_throttles (
  subject bytea primary key check (length(subject) = 32),
  counted integer not null check (counted >= 0),
  begun_at timestamptz not null,
  last_at timestamptz not null,
  refused_until timestamptz
);
comment on table identity_throttles is 'How often something was tried for an account or from an address, and until when it is refused.';
create index identity_throttles_age on identity_throttles (last_at);

-- Dates as their ISO text: a day has no time zone.
create view identity_people_read as
  select id, phone_number, email, first_name, last_name, roles, preferred_language, date_of_birth::text as date_of_birth,
    address_street, address_city, address_region, address_postal_code, address_country, phone_verified_at, kyc_status,
    is_active, created_at
  from identity_people;
comment on view identity_people_read is 'A person as the program reads him.';
