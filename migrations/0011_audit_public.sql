create view audit_public_acts as select id, at, action, subject, organization_id, detail from audit_events;
comment on view audit_public_acts is 'Acts without the person, for checks of other modules: was there a line for what happened?';
