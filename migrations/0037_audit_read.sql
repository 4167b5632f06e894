-- The trail is read by who, by what, by organisation and by call, newest first; and acts of one kind are counted by day.
create index audit_events_actor on audit_events (actor, id);
create index audit_events_action on audit_events (action, id);
create index audit_events_action_at on audit_events (action, at);
create index audit_events_organization on audit_events (organization_id, id) where organization_id is not null;
create index audit_events_request on audit_events (request_id, id) where request_id is not null;
