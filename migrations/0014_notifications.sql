create table notifications_messages (
  id bigint generated always as identity primary key,
  -- Opaque: whose person it is, identity knows. None for somebody who is not registered (an invitation).
  person_id bigint,
  kind text not null
    check (kind in ('phone_code', 'password_reset', 'invitation', 'batch_finished', 'review_needed')),
  channel text not null check (channel in ('sms', 'mail')),
  destination text not null,
  -- Of a mail only.
  subject text check (length(subject) between 1 and 200),
  -- Gone as soon as it is of no use: it may hold a one-time code.
  text text check (length(text) between 1 and 1000),
  -- Of an SMS only: what is paid for.
  segments int check (segments between 1 and 10),
  state text not null default 'WAITING'
    check (state in ('WAITING', 'SENDING', 'SENT', 'REFUSED', 'EXPIRED')),
  tries int not null default 0 check (tries >= 0),
  provider text,
  provider_id text,
  -- A word of ours or a code of the provider's, never its sentence: it may repeat the number.
  because text,
  expires_at timestamptz not null,
  created_at timestamptz not null default cauri_now(),
  ended_at timestamptz,
  check ((state in ('WAITING', 'SENDING')) = (text is not null)),
  check ((state in ('WAITING', 'SENDING')) = (ended_at is null)),
  check ((state = 'SENT') = (provider is not null)),
  check (provider_id is null or state = 'SENT'),
  constraint notifications_messages_destination_check check (
    destination ~ case channel when 'sms' then '^\+[1-9][0-9]{6,14}$' else '^[^[:space:]<>@]+@[^[:space:]<>@]+$' end),
  check ((channel = 'sms') = (segments is not null)),
  check ((channel = 'mail') = (subject is not null)),
  check ((state = 'REFUSED') = (because is not null))
);
comment on table notifications_messages is 'Messages that leave the house, one row for each, and what became of it. SENDING: a call was begun and its end is not known. The text is dropped when the message has ended.';
create index notifications_messages_open on notifications_messages (expires_at) where ended_at is null;
create index notifications_messages_ended on notifications_messages (ended_at);

create table notifications_in_app (
  id bigint generated always as identity primary key,
  person_id bigint not null,
  kind text not null check (kind in ('batch_finished', 'review_needed')),
  title text not null,
  text text not null,
  at timestamptz not null default cauri_now(),
  read_at timestamptz check (read_at >= at)
);
comment on table notifications_in_app is 'What a person sees after signing in, in the language that was theirs. Never a code.';
create index notifications_in_app_person on notifications_in_app (person_id, id);

create table notifications_preferences (
  person_id bigint not null,
  -- Security messages are not there: nobody can switch them off.
  kind text not null check (kind in ('batch_finished', 'review_needed')),
  channel text not null check (channel in ('sms', 'mail', 'in_app')),
  is_wanted boolean not null,
  primary key (person_id, kind, channel)
);
comment on table notifications_preferences is 'What a person wants to hear of, and how. No row: wanted.';

create table notifications_limits (
  -- number: for each single number that begins so; prefix: for all of them together; mailbox: for each address.
  scope text not null check (scope in ('number', 'prefix', 'mailbox')),
  prefix text not null,
  most int not null check (most >= 0),
  primary key (scope, prefix),
  check (case scope when 'mailbox' then prefix = '' else prefix ~ '^\+[0-9]{0,14}$' end)
);
comment on table notifications_limits is 'Messages per day (UTC) at most. The longest prefix that fits counts; besides, the limit of + holds for everything together. 0 closes a destination.';

-- Fraud by SMS pumping goes to expensive countries: outside the franc zone there is little to send.
insert into notifications_limits (scope, prefix, most) values
  ('number', '+', 20),
  ('mailbox', '', 20),
  ('prefix', '+', 20000),
  ('prefix', '+237', 10000), ('prefix', '+228', 10000), ('prefix', '+225', 10000), ('prefix', '+221', 10000),
  ('prefix', '+229', 5000), ('prefix', '+226', 5000), ('prefix', '+223', 5000), ('prefix', '+227', 5000),
  ('prefix', '+235', 5000), ('prefix', '+236', 5000), ('prefix', '+240', 5000), ('prefix', '+241', 5000),
  ('prefix', '+242', 5000), ('prefix', '+245', 5000),
  ('prefix', '+1', 200), ('prefix', '+2', 200), ('prefix', '+3', 500), ('prefix', '+4', 200),
  ('prefix', '+5', 100), ('prefix', '+6', 100), ('prefix', '+7', 100), ('prefix', '+8', 100), ('prefix', '+9', 100);

create table notifications_counts (
  scope text not null check (scope in ('number', 'prefix', 'mailbox')),
  key text not null,
  day date not null,
  sent int not null check (sent > 0),
  primary key (scope, key, day)
);
comment on table notifications_counts is 'Messages written so far on a day, against the limits. Days that are over are swept.';
