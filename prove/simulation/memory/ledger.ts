import type { Entry } from '../../../src/ledger/index.ts'
import { Refusal } from '../../../src/platform/errors.ts'
import type { Currency } from '../../../src/platform/money.ts'
import { checkViolation } from './errors.ts'
import { nextId, patch, put, type Tables } from './tables.ts'

export type MemoryLedger = {
  readonly openAccount: (code: string, currency: Currency, floor: 'ZERO' | 'NONE') => bigint
  readonly systemAccount: (code: string, currency: Currency) => bigint
  readonly post: (entries: readonly Entry[]) => ReadonlySet<string>
}

/** migrations/0003_ledger.sql: `ledger_post` and the triggers of its tables, for one transaction at a time. */
export function openLedger(tables: Tables): MemoryLedger {
  const open = (code: string, currency: Currency, floor: 'ZERO' | 'NONE'): bigint => {
    const key = `${code} ${currency}`
    const known = tables.ledger_ids.get(key)
    if (known !== undefined) return known
    const id = nextId(tables)
    put(tables, tables.ledger, id, { id, code, currency, floor, balance: 0n })
    put(tables, tables.ledger_ids, key, id)
    return id
  }
  const postOne = ({ reason, kind, lines }: Entry, moves: Map<bigint, bigint>): boolean => {
    if (lines.length < 2) throw new Error(`entry ${reason} has fewer than two lines`)
    const digest = digestOf(lines)
    const known = tables.entries.get(reason)
    if (known !== undefined) {
      if (known.digest !== digest) throw new Refusal('LEDGER_REASON_REUSED')
      return false
    }
    const sums = new Map<Currency, bigint>()
    for (const { account, amount } of lines) {
      const row = tables.ledger.get(account)
      if (row === undefined) throw checkViolation('a line names an unknown account', 'ledger_lines_account')
      if (amount === 0n) throw checkViolation('a line of nothing', 'ledger_lines_amount_check')
      sums.set(row.currency, (sums.get(row.currency) ?? 0n) + amount)
      moves.set(account, (moves.get(account) ?? 0n) + amount)
    }
    for (const sum of sums.values())
      if (sum !== 0n) throw checkViolation('an entry does not sum to zero', 'ledger_lines_zero_sum')
    put(tables, tables.entries, reason, { kind, digest, lines })
    return true
  }
  return {
    openAccount: open,
    systemAccount: (code: string, currency: Currency): bigint => open(code, currency, 'NONE'),
    post(entries: readonly Entry[]): ReadonlySet<string> {
      const moves = new Map<bigint, bigint>()
      const posted = new Set<string>()
      for (const entry of entries) if (postOne(entry, moves)) posted.add(entry.reason)
      for (const [id, amount] of moves) {
        const row = tables.ledger.get(id)
        if (row === undefined) continue
        const balance = row.balance + amount
        if (row.floor === 'ZERO' && balance < 0n) throw new Refusal('LEDGER_INSUFFICIENT_FUNDS')
        patch(tables, row, { balance })
      }
      return posted
    },
  }
}

const digestOf = (lines: Entry['lines']): string =>
  lines
    .map((l) => `${l.account}:${l.amount}:${l.batch_id ?? ''}:${l.seq ?? ''}:${l.attempt ?? ''}`)
    .sort()
    .join('\n')
