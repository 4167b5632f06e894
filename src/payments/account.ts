import { record } from '../audit/index.ts'
import {
  balancesOf,
  openAccount,
  post,
  statementOf,
  systemAccount,
  type StatementRow,
} from '../ledger/index.ts'
import { refuseOn, type Reader, type Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import type { Currency } from '../platform/money.ts'
import type { PartyType } from '../platform/party.ts'
import type { AccountRow } from './sql/accounts.ts'
import * as q from './sql/accounts.ts'

/** A payer account with its money, in minor units: `balance` is what is available plus what is reserved. */
export type PayerAccount = AccountRow & {
  readonly available: bigint
  readonly reserved: bigint
  readonly balance: bigint
}

export type NewAccount = {
  readonly organization_id: bigint
  readonly account_id: string
  readonly party_id_type: PartyType
  readonly party_identifier: string
  readonly currency: Currency
  /** Minor units; booked against the system account `opening`. */
  readonly opening_balance: bigint
}

/** Opens a payer account, with its opening balance as a ledger entry. Refuses ACCOUNT_EXISTS. */
export async function createAccount(tx: Tx, actor: string, account: NewAccount): Promise<AccountRow> {
  const { account_id, currency, opening_balance } = account
  const exists = (): Refusal => new Refusal('ACCOUNT_EXISTS', { members: { account_id } })
  const ledger_account_id = await openAccount(tx, `payer:${account_id}`, currency).catch(
    refuseOn('ledger_accounts_code_currency_key', exists),
  )
  const row = await q
    .insertAccount(tx, { ...account, ledger_account_id })
    .catch(refuseOn('payments_accounts_account_id_key', exists))
  if (opening_balance > 0n)
    await post(tx, [
      {
        reason: `account.opened:${account_id}`,
        kind: 'account.opened',
        lines: [
          { account: await systemAccount(tx, 'opening', currency), amount: -opening_balance },
          { account: ledger_account_id, amount: opening_balance },
        ],
      },
    ])
  const organization_id = account.organization_id
  const detail = { opening_balance: String(opening_balance), currency }
  await record(tx, {
    actor,
    action: 'account.created',
    subject: `account:${account_id}`,
    organization_id,
    detail,
  })
  return row
}

/** The accounts of an organisation (or of all, for an operator's tool), oldest first, with their money. */
export async function listAccounts(
  db: Reader,
  organization: bigint | null,
  page: { readonly after: bigint; readonly limit: number },
): Promise<PayerAccount[]> {
  return withMoney(db, await q.selectAccounts(db, organization, null, page.after, page.limit))
}

/** One account by its public id. What is not the organisation's is refused as PAYER_ACCOUNT_NOT_FOUND. */
export async function findAccount(
  db: Reader,
  organization: bigint | null,
  account_id: string,
): Promise<PayerAccount> {
  const rows = await withMoney(db, await q.selectAccounts(db, organization, account_id, 0n, 1))
  const [account] = rows
  if (account === undefined) throw new Refusal('PAYER_ACCOUNT_NOT_FOUND', { members: { account_id } })
  return account
}

async function withMoney(db: Reader, rows: readonly AccountRow[]): Promise<PayerAccount[]> {
  const holds = await q.selectHolds(
    db,
    rows.map((row) => row.id),
  )
  const ids = [...rows.map((row) => row.ledger_account_id), ...holds.map((hold) => hold.hold_account_id)]
  // One statement reads them all, so that money on its way from one to another is not counted twice.
  const balances = await balancesOf(db, ids)
  const reserved = new Map<bigint, bigint>()
  for (const { account_id, hold_account_id } of holds)
    reserved.set(account_id, (reserved.get(account_id) ?? 0n) + (balances.get(hold_account_id) ?? 0n))
  return rows.map((row) => {
    const available = balances.get(row.ledger_account_id) ?? 0n
    const held = reserved.get(row.id) ?? 0n
    return { ...row, available, reserved: held, balance: available + held }
  })
}

/**
 * Books money that arrived for a payer. The reference is unique per account: given again with the same amount it does
 * nothing and answers false; with another amount it is refused as TOP_UP_REFERENCE_REUSED.
 */
export async function topUp(
  tx: Tx,
  actor: string,
  account: AccountRow,
  money: { readonly amount: bigint; readonly reference: string; readonly rail: string },
): Promise<boolean> {
  const { amount, reference, rail } = money
  const reason = `account.topped-up:${account.account_id}:${reference}`
  const lines = [
    { account: await systemAccount(tx, `float:${rail}`, account.currency), amount: -amount },
    { account: account.ledger_account_id, amount },
  ]
  const posted = await post(tx, [{ reason, kind: 'account.topped-up', lines }]).catch((error: unknown) => {
    if (error instanceof Refusal && error.code === 'LEDGER_REASON_REUSED')
      throw new Refusal('TOP_UP_REFERENCE_REUSED', { members: { reference } })
    throw error
  })
  if (posted.size === 0) return false
  const subject = `account:${account.account_id}`
  const { organization_id } = account
  await record(tx, {
    actor,
    action: 'account.topped-up',
    subject,
    organization_id,
    detail: { amount: String(amount), reference },
  })
  return true
}

/** The movements of an account, oldest first, each with the balance after it. `after` is the last entry seen. */
export const accountStatement = (
  db: Reader,
  account: AccountRow,
  page: {
    readonly from: Date | null
    readonly to: Date | null
    readonly after: bigint
    readonly limit: number
  },
): Promise<StatementRow[]> =>
  statementOf(db, account.ledger_account_id, page.from, page.to, page.after, page.limit)
