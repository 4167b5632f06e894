select platform_guard_module('bulk');

-- An approval is its batch's.
select platform_guard('bulk_approvals');
create policy by_batch on bulk_approvals using (
  (select platform_sees_all()) or exists (select from bulk_batches b where b.id = bulk_approvals.batch_id)
);
