import fc from 'fast-check'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { freshDatabase } from '../../test/harness/database.ts'
import { sql, type Db } from '../platform/db.ts'
import { balancesOf, checkLedger, openAccount, post, systemAccount, type Entry } from './index.ts'

let db: Db
let owner: string
beforeAll(async () => {
  const fresh = await freshDatabase()
  db = fresh.db
  owner = fresh.ownerUrl
})

afterEach(async () => {
  expect(await checkLedger(db)).toEqual([])
})

let n = 0
const name = (): string => `a${++n}`
const open = (): Promise<bigint> => db.tx((tx) => openAccount(tx, name(), 'XOF'))
const float = (): Promise<bigint> => db.tx((tx) => systemAccount(tx, 'float:test', 'XOF'))
const balance = async (id: bigint): Promise<bigint | undefined> => (await balancesOf(db, [id])).get(id)
const move = (reason: string, from: bigint, to: bigint, amount: bigint): Promise<ReadonlySet<string>> =>
  db.tx((tx) => post(tx, [entry(reason, from, to, amount)]))
const entry = (reason: string, from: bigint, to: bigint, amount: bigint): Entry => ({
  reason,
  kind: 'test',
  lines: [
    { account: from, amount: -amount },
    { account: to, amount },
  ],
})

describe('an account with floor ZERO', () => {
  test('64 concurrent spends where 10 fit give exactly 10', async () => {
    const [rail, ana, ben] = [await float(), await open(), await open()]
    await move(name(), rail, ana, 1_000n)
    const results = await Promise.allSettled(Array.from({ length: 64 }, () => move(name(), ana, ben, 100n)))
    const refused = results.filter((r) => r.status === 'rejected').map((r) => String(r.reason.code))
    expect(refused).toEqual(Array.from({ length: 54 }, () => 'LEDGER_INSUFFICIENT_FUNDS'))
    expect([await balance(ana), await balance(ben)]).toEqual([0n, 1_000n])
  })

  test('opposite transfers between two accounts do not deadlock', async () => {
    const [rail, ana, ben] = [await float(), await open(), await open()]
    await move(name(), rail, ana, 10_000n)
    await move(name(), rail, ben, 10_000n)
    await Promise.all(
      Array.from({ length: 60 }, (_, i) => (i % 2 ? move(name(), ana, ben, 7n) : move(name(), ben, ana, 7n))),
    )
    expect([await balance(ana), await balance(ben)]).toEqual([10_000n, 10_000n])
  })
})

describe('a reason', () => {
  test('posts once: the same fact again moves nothing and is told so', async () => {
    const [rail, ana] = [await float(), await open()]
    const reason = name()
    expect([...(await move(reason, rail, ana, 5n))]).toEqual([reason])
    expect([...(await move(reason, rail, ana, 5n))]).toEqual([])
    expect(await balance(ana)).toBe(5n)
  })

  test('posts once among 20 writers at once', async () => {
    const [rail, ana] = [await float(), await open()]
    const reason = name()
    const posted = await Promise.all(Array.from({ length: 20 }, () => move(reason, rail, ana, 5n)))
    expect(posted.filter((set) => set.size === 1)).toHaveLength(1)
    expect(await balance(ana)).toBe(5n)
  })

  test('with other lines is refused', async () => {
    const [rail, ana] = [await float(), await open()]
    const reason = name()
    await move(reason, rail, ana, 5n)
    await expect(move(reason, rail, ana, 6n)).rejects.toMatchObject({ code: 'LEDGER_REASON_REUSED' })
    expect(await balance(ana)).toBe(5n)
  })
})

describe('the schema itself refuses', () => {
  const raw = (text: string): Promise<unknown> => db.tx((tx) => tx.run({ text, values: [] }))
  const newEntry = (reason: string, legs = 2): string =>
    `insert into ledger_entries (reason, kind, legs, digest) values ('${reason}', 't', ${legs}, sha256('x'))`
  const idOf = (reason: string): string => `(select id from ledger_entries where reason = '${reason}')`

  test('an entry that does not sum to zero', async () => {
    const [rail, ana] = [await float(), await open()]
    const bad: Entry = {
      ...entry(name(), rail, ana, 5n),
      lines: [
        { account: rail, amount: -5n },
        { account: ana, amount: 6n },
      ],
    }
    await expect(db.tx((tx) => post(tx, [bad]))).rejects.toThrow(/sum to zero/)
  })

  test('an entry over two currencies that only sums to zero across them', async () => {
    const [rail, ana] = [await float(), await db.tx((tx) => openAccount(tx, name(), 'XAF'))]
    await expect(move(name(), rail, ana, 5n)).rejects.toThrow(/sum to zero/)
  })

  test('an entry without lines', async () => {
    await expect(raw(newEntry(name()))).rejects.toThrow(/has no lines/)
  })

  test('lines added to an old entry, even when they sum to zero', async () => {
    const [rail, ana] = [await float(), await open()]
    const reason = name()
    await move(reason, rail, ana, 5n)
    const line = `insert into ledger_lines (entry_id, account_id, amount) values
      (${idOf(reason)}, ${rail}, -1), (${idOf(reason)}, ${ana}, 1)`
    await expect(raw(line)).rejects.toThrow(/closed, unknown or of another transaction/)
  })

  test('the lines of one entry in two statements', async () => {
    const [rail, ana] = [await float(), await open()]
    const reason = name()
    const line = (account: bigint, amount: number): string =>
      `insert into ledger_lines (entry_id, account_id, amount) values (${idOf(reason)}, ${account}, ${amount})`
    await expect(raw(`${newEntry(reason)}; ${line(rail, -1)}; ${line(ana, 1)}`)).rejects.toThrow(
      /number of lines/,
    )
  })

  test('an unknown account', async () => {
    await expect(move(name(), await float(), 999_999_999n, 5n)).rejects.toThrow(/unknown account/)
  })

  test('any change of what was written, for the application and for its owner', async () => {
    const [rail, ana] = [await float(), await open()]
    await move(name(), rail, ana, 5n)
    const { openDb } = await import('../platform/db.ts')
    const as_owner = openDb({ url: owner, max: 1 })
    for (const [table, set] of [
      ['ledger_lines', 'amount = amount + 1'],
      ['ledger_entries', "kind = 'x'"],
      ['ledger_accounts', 'balance = balance + 1'],
    ] as const) {
      for (const statement of [
        `update ${table} set ${set}`,
        `delete from ${table}`,
        `truncate ${table} cascade`,
      ]) {
        await expect(raw(statement), statement).rejects.toThrow(/permission denied/)
        await expect(as_owner.run({ text: statement, values: [] }), statement).rejects.toThrow(
          /append-only|never deleted|changes by lines|truncate/,
        )
      }
    }
    await as_owner.end()
  })

  test('a balance given at birth', async () => {
    const code = name()
    await raw(
      `insert into ledger_accounts (code, currency, kind, floor, balance) values ('${code}', 'XOF', 'LIABILITY', 'ZERO', 500)`,
    )
    expect(await db.one(sql`select balance from ledger_accounts where code = ${code}`)).toEqual({
      balance: 0n,
    })
  })
})

test('any sequence of entries, good and bad, leaves a ledger that explains every franc', async () => {
  const seed = Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  console.log(`seed ${seed}`)
  const rail = await float()
  const accounts = await Promise.all([open(), open(), open()])
  const balances = new Map<bigint, bigint>(accounts.map((id) => [id, 0n]))
  const pick = fc.integer({ min: 0, max: 3 }).map((i) => accounts[i] ?? rail)
  const step = fc.record({
    from: pick,
    to: pick,
    amount: fc.bigInt({ min: 1n, max: 500n }),
    twice: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const entries = steps
        .filter((s) => s.from !== s.to)
        .map((s) => ({ ...s, entry: entry(name(), s.from, s.to, s.amount) }))
      const after = new Map(balances)
      for (const { from, to, amount } of entries) {
        if (from !== rail) after.set(from, (after.get(from) ?? 0n) - amount)
        if (to !== rail) after.set(to, (after.get(to) ?? 0n) + amount)
      }
      const fits = [...after.values()].every((value) => value >= 0n)
      const posting = db.tx((tx) =>
        post(
          tx,
          entries.map((e) => e.entry),
        ),
      )
      if (fits) {
        expect((await posting).size).toBe(entries.length)
        const again = entries.filter((e) => e.twice).map((e) => e.entry)
        expect((await db.tx((tx) => post(tx, again))).size).toBe(0)
        for (const [id, value] of after) balances.set(id, value)
      } else await expect(posting).rejects.toMatchObject({ code: 'LEDGER_INSUFFICIENT_FUNDS' })
      const now = await balancesOf(db, accounts)
      expect(now).toEqual(new Map([...balances].filter(([id]) => id !== rail)))
    }),
    { seed, numRuns: 60 },
  )
})
