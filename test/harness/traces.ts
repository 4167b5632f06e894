import { sql, type Db } from '../../src/platform/db.ts'

/**
 * Everything that an accepted file would have left: counts of rows and every balance. Equal before and after a
 * refusal, it says that nothing was reserved and nothing is half-written.
 */
export const tracesOf = (db: Db): Promise<Record<string, unknown>> =>
  db.one(sql`
    select
      (select count(*)::int from payments_batches) as batches,
      (select count(*)::int from payments_lines) as lines,
      (select count(*)::int from bulk_batches) as bulks,
      (select count(*)::int from ledger_accounts) as accounts,
      (select count(*)::int from ledger_entries) as entries,
      (select count(*)::int from audit_events) as acts,
      (select count(*)::int from platform_idempotency) as keys,
      (select count(*)::int from platform_outbox) as outbox,
      (select jsonb_object_agg(code || ' ' || currency, balance) from ledger_accounts) as balances`)
