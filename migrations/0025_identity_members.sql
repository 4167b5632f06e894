-- Who acts for an organisation, and as what. What somebody may do is read from here at each request.
create table identity_members (
  organization_id bigint not null references identity_organizations,
  person_id bigint not null references identity_people,
  roles text[] not null check (
    cardinality(roles) between 1 and 5
    and roles <@ array['GESTIONNAIRE', 'APPROBATEUR', 'TRESORIER', 'SUPERVISEUR', 'DEVELOPPEUR']
  ),
  created_at timestamptz not null default cauri_now(),
  primary key (organization_id, person_id)
);
comment on table identity_members is 'Members of organisations with their roles. Gone is gone at the next request.';
create index identity_members_person on identity_members (person_id);
