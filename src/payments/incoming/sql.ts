import type { IncomingTransfer } from '../../connectors/index.ts'
import { sql, type Reader, type Tx } from '../../platform/db.ts'
import type { PartyType } from '../../platform/party.ts'
import type { IncomingRow, PayeeAccount, RefusedAs } from './incoming.ts'

/** Every account of that party; more than a few means that nobody is meant. */
export const selectPayeeAccounts = (
  db: Reader,
  type: PartyType,
  identifier: string,
): Promise<PayeeAccount[]> =>
  db.many(sql`
    select id, account_id, organization_id, currency, ledger_account_id from payments_accounts
    where party_id_type = ${type} and party_identifier = ${identifier} order by id limit 20`)

export const selectPayeeAccount = (tx: Tx, id: bigint): Promise<PayeeAccount> =>
  tx.one(sql`
    select id, account_id, organization_id, currency, ledger_account_id from payments_accounts where id = ${id}`)

export const selectIncoming = (db: Reader, transfer_id: string): Promise<IncomingRow | undefined> =>
  db.maybeOne(sql`
    select transfer_id, home_reference, account_id, payee_type, payee_identifier, payer_type, payer_identifier, payer_name,
      note, amount, currency, state, refused_as, digest, created_at, committed_at, aborted_at, contradicted_at
    from payments_incoming where transfer_id = ${transfer_id}`)

export const lockIncoming = (tx: Tx, transfer_id: string): Promise<IncomingRow | undefined> =>
  tx.maybeOne(sql`
    select transfer_id, home_reference, account_id, payee_type, payee_identifier, payer_type, payer_identifier, payer_name,
      note, amount, currency, state, refused_as, digest, created_at, committed_at, aborted_at, contradicted_at
    from payments_incoming where transfer_id = ${transfer_id} for no key update`)

export type NewIncoming = {
  readonly transfer: IncomingTransfer
  readonly home_reference: string
  readonly digest: Buffer
  readonly account_id: bigint | null
  readonly state: IncomingRow['state']
  readonly refused_as: RefusedAs | null
}

/** The row is the one guard against a second credit: whoever inserts it credits. 0 when the transfer is known. */
export const insertIncoming = (tx: Tx, row: NewIncoming): Promise<number> => {
  const { transfer: t, state } = row
  return tx.run(sql`
    insert into payments_incoming
      (transfer_id, home_reference, account_id, payee_type, payee_identifier, payer_type, payer_identifier, payer_name,
       note, amount, currency, state, refused_as, digest, committed_at, aborted_at)
    values (${t.transfer_id}, ${row.home_reference}, ${row.account_id}, ${t.payee.type}, ${t.payee.identifier},
      ${t.payer.type}, ${t.payer.identifier}, ${t.payer.name ?? null}, ${t.note ?? null}, ${t.amount}, ${t.currency},
      ${state}, ${row.refused_as}, ${row.digest},
      case when ${state} = 'COMMITTED' then cauri_now() end, case when ${state} = 'ABORTED' then cauri_now() end)
    on conflict (transfer_id) do nothing`)
}

export const concludeIncoming = (
  tx: Tx,
  transfer_id: string,
  state: 'COMMITTED' | 'ABORTED',
): Promise<number> =>
  tx.run(sql`
    update payments_incoming set state = ${state},
      committed_at = case when ${state} = 'COMMITTED' then cauri_now() end,
      aborted_at = case when ${state} = 'ABORTED' then cauri_now() end
    where transfer_id = ${transfer_id} and state = 'RESERVED'`)

/** Notes it once: 0 when it was noted before. */
export const contradictIncoming = (tx: Tx, transfer_id: string): Promise<number> =>
  tx.run(sql`
    update payments_incoming set contradicted_at = cauri_now()
    where transfer_id = ${transfer_id} and contradicted_at is null`)

export const selectExpiry = async (db: Reader, after_s: number): Promise<Date> =>
  (await db.one<{ at: Date }>(sql`select cauri_now() + ${after_s}::float8 * interval '1 second' as at`)).at

/** What users see of a line. */
export const selectLineStatus = async (db: Reader, batch: bigint, seq: number): Promise<string> =>
  (
    await db.one<{ status: string }>(sql`
      select status from payments_public_lines where batch_id = ${batch} and seq = ${seq}`)
  ).status
