create view ledger_public_accounts as select id, code, currency, balance from ledger_accounts;
comment on view ledger_public_accounts is 'Accounts with their balances, for checks of other modules.';

create view ledger_public_entries as select id, reason, kind, created_at from ledger_entries;
comment on view ledger_public_entries is 'What was posted and why, for checks of other modules.';

create view ledger_public_lines as
  select l.entry_id, e.kind, e.reason, l.account_id, a.code, a.currency, l.amount, l.batch_id, l.seq, l.attempt
  from ledger_lines l join ledger_entries e on e.id = l.entry_id join ledger_accounts a on a.id = l.account_id;
comment on view ledger_public_lines is 'Lines with their entry''s kind and their account''s code, for checks of other modules.';
