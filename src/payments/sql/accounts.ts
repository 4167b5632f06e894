import { sql, type Reader, type Tx } from '../../platform/db.ts'
import type { Currency } from '../../platform/money.ts'
import type { PartyType } from '../../platform/party.ts'

export type AccountRow = {
  id: bigint
  organization_id: bigint
  account_id: string
  party_id_type: PartyType
  party_identifier: string
  currency: Currency
  ledger_account_id: bigint
  created_at: Date
}

export const insertAccount = (tx: Tx, account: Omit<AccountRow, 'id' | 'created_at'>): Promise<AccountRow> =>
  tx.one(sql`
    insert into payments_accounts
      (organization_id, account_id, party_id_type, party_identifier, currency, ledger_account_id)
    values (${account.organization_id}, ${account.account_id}, ${account.party_id_type}, ${account.party_identifier},
      ${account.currency}, ${account.ledger_account_id})
    returning id, organization_id, account_id, party_id_type, party_identifier, currency, ledger_account_id, created_at`)

/** What is not the organisation's does not exist; null means every organisation (an operator's tool). */
export const selectAccounts = (
  db: Reader,
  organization: bigint | null,
  account_id: string | null,
  after: bigint,
  limit: number,
): Promise<AccountRow[]> =>
  db.many(sql`
    select id, organization_id, account_id, party_id_type, party_identifier, currency, ledger_account_id, created_at
    from payments_accounts
    where (${organization}::bigint is null or organization_id = ${organization})
      and (${account_id}::text is null or account_id = ${account_id}) and id > ${after}
    order by id limit ${limit}`)

/** The reserving step holds this lock: two uploads for one payer wait for each other here. */
export const lockAccount = (tx: Tx, id: bigint): Promise<number> =>
  tx.run(sql`select from payments_accounts where id = ${id} for no key update`)

/** The hold accounts of each payer's unfinished batches: what is reserved. */
export const selectHolds = (
  db: Reader,
  accounts: readonly bigint[],
): Promise<{ account_id: bigint; hold_account_id: bigint }[]> =>
  db.many(sql`
    select account_id, hold_account_id from payments_batches
    where account_id = any (${accounts}::bigint[]) and finished_at is null`)
