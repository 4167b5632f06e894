-- An account is its organisation's; batches and incoming transfers are their account's: what is seen of accounts decides. Both
-- questions are asked once for each statement, not once for each row: thousands of lines are read beside their batch.
select platform_guard_by_organization('payments_accounts');

select platform_guard('payments_batches');
create policy by_account on payments_batches using (
  (select platform_sees_all()) or account_id = any (array(select a.id from payments_accounts a))
);

select platform_guard('payments_incoming');
create policy by_account on payments_incoming using (
  (select platform_sees_all()) or account_id = any (array(select a.id from payments_accounts a))
);

select platform_guard('payments_top_ups');
create policy by_account on payments_top_ups using (
  (select platform_sees_all()) or account_id = any (array(select a.id from payments_accounts a))
);

select platform_guard_module('payments');
