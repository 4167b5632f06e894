-- Acts are read by whom they concern. An act of no organisation (a sign-in) is written by everybody, and read by those who see
-- everything. There is no policy for updates and deletes.
select platform_guard('audit_events');
create policy by_organization on audit_events for select using (platform_sees(organization_id));
create policy written on audit_events for insert
  with check (organization_id is null or platform_sees(organization_id));
