import { sql, type Reader, type Tx } from '../platform/db.ts'
import type { Currency } from '../platform/money.ts'
import { digestOf, type Entry } from './entry.ts'

export function postEntries(tx: Tx, entries: readonly Entry[]): Promise<{ reason: string }[]> {
  const lines = entries.flatMap((entry, i) => entry.lines.map((line) => ({ no: i + 1, line })))
  return tx.many(sql`
    select reason from ledger_post(
      ${entries.map((e) => e.reason)}::text[], ${entries.map((e) => e.kind)}::text[],
      ${entries.map((e) => e.lines.length)}::integer[], ${entries.map((e) => digestOf(e.lines))}::bytea[],
      ${lines.map((l) => l.no)}::integer[], ${lines.map((l) => l.line.account)}::bigint[],
      ${lines.map((l) => l.line.amount)}::bigint[], ${lines.map((l) => l.line.batch_id ?? null)}::bigint[],
      ${lines.map((l) => l.line.seq ?? null)}::integer[], ${lines.map((l) => l.line.attempt ?? null)}::smallint[]
    ) as posted(reason)`)
}

export const insertAccount = async (
  tx: Tx,
  code: string,
  currency: Currency,
  kind: 'LIABILITY' | 'SYSTEM',
  floor: 'ZERO' | 'NONE',
): Promise<bigint> =>
  (
    await tx.one<{ id: bigint }>(sql`
      insert into ledger_accounts (code, currency, kind, floor) values (${code}, ${currency}, ${kind}, ${floor})
      returning id`)
  ).id

export const findAccount = async (
  db: Reader,
  code: string,
  currency: Currency,
): Promise<bigint | undefined> =>
  (
    await db.maybeOne<{ id: bigint }>(sql`
      select id from ledger_accounts where code = ${code} and currency = ${currency}`)
  )?.id

/** Two that make it at once get the same one: the loser of the insert reads the winner's row. */
export async function ensureSystemAccount(tx: Tx, code: string, currency: Currency): Promise<bigint> {
  await tx.run(sql`
    insert into ledger_accounts (code, currency, kind, floor) values (${code}, ${currency}, 'SYSTEM', 'NONE')
    on conflict (code, currency) do nothing`)
  const id = await findAccount(tx, code, currency)
  if (id === undefined) throw new Error(`system account ${code} was not made`)
  return id
}

export const selectBalances = (
  db: Reader,
  ids: readonly bigint[],
): Promise<{ id: bigint; balance: bigint }[]> =>
  db.many(sql`select id, balance from ledger_accounts where id = any (${ids}::bigint[])`)

export type StatementRow = {
  entry_id: bigint
  created_at: Date
  reason: string
  kind: string
  amount: bigint
  balance: bigint
}

/**
 * The entries that touched an account, oldest first, with the balance after each. One row per entry: a settled set of
 * a thousand payments is one movement of the account.
 */
export const selectStatement = (
  db: Reader,
  account: bigint,
  from: Date | null,
  to: Date | null,
  after: bigint,
  limit: number,
): Promise<StatementRow[]> =>
  db.many(sql`
    with before as (
      select coalesce(sum(amount), 0)::bigint as balance from ledger_lines
      where account_id = ${account} and entry_id <= ${after}
    ), moved as (
      select l.entry_id, sum(l.amount)::bigint as amount
      from ledger_lines l where l.account_id = ${account} and l.entry_id > ${after} group by l.entry_id
    ), running as (
      select m.entry_id, e.created_at, e.reason, e.kind, m.amount,
        ((select balance from before) + sum(m.amount) over (order by m.entry_id))::bigint as balance
      from moved m join ledger_entries e on e.id = m.entry_id
    )
    select * from running
    where (${from}::timestamptz is null or created_at >= ${from}) and (${to}::timestamptz is null or created_at < ${to})
    order by entry_id limit ${limit}`)
