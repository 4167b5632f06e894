import { openLedger } from './ledger.ts'
import { newBatchRow, newLineRow } from './new-rows.ts'
import { endTransaction, nextId, put, type BatchRow, type LineRow, type Tables } from './tables.ts'

const OPENING_BALANCE = 1_000_000n

/** Opens a payer's account with a million francs in it, in a transaction of its own. Answers the account's id. */
export function openPayer(tables: Tables, name: string): bigint {
  const { openAccount, systemAccount, post } = openLedger(tables)
  const id = nextId(tables)
  const ledger_account_id = openAccount(`payer:${name}`, 'XOF', 'ZERO')
  const lines = [
    { account: systemAccount('opening', 'XOF'), amount: -OPENING_BALANCE },
    { account: ledger_account_id, amount: OPENING_BALANCE },
  ]
  post([{ reason: `account.opened:${name}`, kind: 'account.opened', lines }])
  put(tables, tables.accounts, id, { id, ledger_account_id, party_id_type: 'MSISDN', party_identifier: name })
  endTransaction(tables, true)
  return id
}

/** What a payer orders. The id is drawn before, since lines may be named after it. */
export type OrderedBatch = Pick<BatchRow, 'id' | 'connection_id' | 'account_id' | 'secret' | 'fee_cap'> & {
  readonly lines: readonly Pick<LineRow, 'transfer_id' | 'amount' | 'party_identifier'>[]
  readonly awaits_approval?: boolean
}

/** src/payments `reserve`: writes a batch and holds its money, fees included, in a transaction of its own. */
export function reserveBatch(
  tables: Tables,
  { lines: ordered, awaits_approval = false, ...batch }: OrderedBatch,
): void {
  const { openAccount, post } = openLedger(tables)
  const { id, account_id, fee_cap } = batch
  const hold_account_id = openAccount(`bulk:${id}`, 'XOF', 'ZERO')
  const lines = ordered.map(({ transfer_id, amount, party_identifier }, i) =>
    newLineRow({ batch_id: id, seq: i + 1, account_id, transfer_id, amount, party_identifier }),
  )
  const row = newBatchRow({ ...batch, hold_account_id, awaits_approval, lines })
  put(tables, tables.batches, id, row)
  const needed = row.total_amount + fee_cap * BigInt(row.total)
  const payer = tables.accounts.get(account_id)?.ledger_account_id ?? 0n
  const moves = [
    { account: payer, amount: -needed },
    { account: hold_account_id, amount: needed },
  ]
  post([{ reason: `batch.reserved:${id}`, kind: 'batch.reserved', lines: moves }])
  endTransaction(tables, true)
}
