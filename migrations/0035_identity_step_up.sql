-- When a second factor was last shown on this sign-in: what is sensitive wants it a few minutes old at most.
alter table identity_sessions add column second_factor_at timestamptz;
-- The browser's sign-in: sha256 of an opaque secret that only its cookie holds. Such a session has no tokens.
alter table identity_sessions add column cookie_hash bytea unique check (length(cookie_hash) = 32);
alter table identity_sessions drop constraint identity_sessions_ended_because_check;
alter table identity_sessions add constraint identity_sessions_ended_because_check check (
  ended_because in (
    'LOGOUT', 'REVOKED', 'REUSE', 'PASSWORD_CHANGED', 'PASSWORD_RESET', 'DISABLED', 'SECOND_FACTOR_RESET'
  )
);
comment on table identity_sessions is 'A sign-in on one device: the family of its refresh tokens, or the secret of its cookie. Ended is for good.';
