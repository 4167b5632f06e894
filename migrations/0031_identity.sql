-- Memberships and organisations: for the organisation that is asked for; and a person sees where he is a member himself.
select platform_guard_by_organization('identity_members');
create policy himself on identity_members for select using (platform_is_self(person_id));

select platform_guard_by_organization('identity_organizations', 'id');
create policy of_members on identity_organizations for select using (
  exists (
    select from identity_members m where m.organization_id = identity_organizations.id and platform_is_self(m.person_id)
  )
);

select platform_guard_module('identity');
