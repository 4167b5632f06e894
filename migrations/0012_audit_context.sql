-- Old rows keep null: what was not asked then is not known now.
alter table audit_events add column role text;
comment on column audit_events.role is 'In which role the actor did it';
alter table audit_events add column address text;
comment on column audit_events.address is 'Address that the call came from; behind a proxy, the proxy''s';
alter table audit_events add column user_agent text;
comment on column audit_events.user_agent is 'What the caller''s program says it is; cut at 300 characters';
alter table audit_events add column request_id text;
comment on column audit_events.request_id is 'The x-request-id of the call, as in the log';
alter table audit_events add column before jsonb;
comment on column audit_events.before is 'What the act changed, as it was; secrets redacted';
alter table audit_events add column after jsonb;
comment on column audit_events.after is 'The same, as it became';
