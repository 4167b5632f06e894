import { join } from 'node:path'
import pg from 'pg'
import { openAccount, post, systemAccount } from '../src/ledger/index.ts'
import { settle } from '../src/payments/engine/settle.ts'
import type { Outcome } from '../src/payments/engine/outcome.ts'
import { ensureConnection } from '../src/payments/index.ts'
import { production } from '../src/payments/production.ts'
import { selectBatchInfo } from '../src/payments/sql/engine.ts'
import { openAs, openDb, sql, type Db } from '../src/platform/db.ts'
import { migrate } from '../src/platform/migrate.ts'
import { startPostgres } from '../src/platform/postgres/index.ts'
import { purposeHandlers } from '../src/wiring.ts'
import { newBatch, openPayer, type Payer } from '../test/harness/payments.ts'
import { payeeOf } from './csv.ts'
import { figure, type Figure } from './figure.ts'
import { byTurns, secondsSince, type Run } from './run.ts'

const SET = 1_000
const TOKEN = 5n
const FULFILMENT = 'wO49r4S4csqJDZbPnZ771ehW8aKyg66gr96f4oD5tPs'
const NAME = 'Ama Koffi'
const AT_ONCE = 8

/** Settlement and posting alone: the engine's own code on a database of its own, without a rail and without HTTP. */
export async function ledger(run: Run): Promise<Figure[]> {
  const postgres = await startPostgres({ home: join(run.folder, 'ledger') })
  await migrate(postgres.url)
  const db = await openAs(postgres.url, 'cauri_worker', { max: AT_ONCE })
  const owner = openDb({ url: postgres.url, max: 1 })
  try {
    return [...(await settling(db, owner, run)), await posting(db, postgres.url, run)]
  } finally {
    await db.end()
    await owner.end()
    await postgres.stop()
  }
}

async function settling(db: Db, owner: Db, run: Run): Promise<Figure[]> {
  const lines = run.lines ?? 100_000
  await ensureConnection(db, 'mojaloop', 'mojaloop')
  await owner.run(sql`
    update payments_connections set token = ${TOKEN}, worker = 'bench', lease_until = now() + interval '1 day'`)
  const payer = await openPayer(db, 'ACC-BENCH', 10_000_000_000n)
  await owner.run(sql`create table bench_lines (like payments_lines including all) with (fillfactor = 50)`)
  await owner.run(sql`create table bench_ledger (like ledger_lines including all)`)
  await settleBatch(db, payer, 2_000)
  const { measured, limit } = await byTurns(
    run.repeat.short,
    () => settleBatch(db, payer, lines),
    (i) => plainSql(owner, lines, i + 1),
  )
  return [
    figure({
      id: 'ledger',
      what: `settlement of ${lines.toLocaleString('en')} lines without a rail`,
      unit: 'lines/s',
      better: 'higher',
      samples: measured,
      limit: {
        samples: limit,
        how: `plain SQL for each ${SET}: one update of the lines, one insert of ${2 * SET} ledger lines, no triggers, no checks between tables`,
      },
      bar: { on: 'measured', value: 60_000 },
    }),
  ]
}

/** Lines per second of the engine's own settlement, in sets of a thousand, each its own transaction. */
async function settleBatch(db: Db, payer: Payer, lines: number): Promise<number> {
  const id = await newBatch(
    db,
    payer,
    Array.from({ length: lines }, (_, i) => payeeOf(i)),
  )
  await db.run(sql`update payments_batches set next_seq = total + 1, open = false where id = ${id}`)
  const [info] = await selectBatchInfo(db, [id])
  if (info === undefined) throw new Error('the batch is not there')
  const started = performance.now()
  for (let from = 1; from <= lines; from += SET) {
    const outcomes = outcomesOf(id, from, Math.min(SET, lines - from + 1))
    const changed = await db.tx((tx) =>
      settle(tx, {
        ...production,
        connection_id: 'mojaloop',
        token: TOKEN,
        outcomes,
        done_ranges: [],
        batch: () => info,
        // What the product does when a batch ends is its customer's business: here nobody is told.
        handlers: Object.fromEntries(
          Object.keys(purposeHandlers).map((purpose) => [purpose, () => Promise.resolve()]),
        ),
      }),
    )
    if (changed.length !== outcomes.length)
      throw new Error(`${changed.length} of ${outcomes.length} lines changed`)
  }
  const seconds = secondsSince(started)
  const left = await db.one<{ n: bigint }>(sql`
    select count(*) as n from payments_lines where batch_id = ${id} and state <> 'PAID'`)
  if (left.n !== 0n) throw new Error(`${left.n} lines are not settled`)
  return lines / seconds
}

const outcomesOf = (batch_id: bigint, from: number, n: number): Outcome[] =>
  Array.from({ length: n }, (_, i) => ({
    batch_id,
    seq: from + i,
    attempt: 1,
    word: 'PAID',
    fee: 0n,
    pursued: false,
    fulfilment: FULFILMENT,
    name: NAME,
  }))

/** The same rows moved by two statements a set, with nothing that makes them safe. */
async function plainSql(owner: Db, lines: number, batch: number): Promise<number> {
  await owner.tx(
    (tx) =>
      tx.run(sql`
        insert into bench_lines (batch_id, seq, account_id, transfer_id, amount, party_type, party_identifier)
        select ${batch}::bigint, n, 1, 't-' || ${batch}::bigint || '-' || n, 100, 'MSISDN', '22810001000'
        from generate_series(1, ${lines}::integer) n`),
    { timeout_ms: 60_000 },
  )
  const started = performance.now()
  for (let from = 1; from <= lines; from += SET)
    await owner.tx(async (tx) => {
      await tx.run(sql`
        update bench_lines set state = 'PAID', completed_at = now(), fulfilment = ${FULFILMENT}, payee_name = ${NAME}
        where batch_id = ${batch} and seq between ${from} and ${from + SET - 1}`)
      await tx.run(sql`
        insert into bench_ledger (account_id, entry_id, amount, batch_id, seq, attempt)
        select 1 + n % 2, ${from}, case n % 2 when 0 then 100 else -100 end, ${batch}, ${from} + n / 2, 1
        from generate_series(0, ${2 * Math.min(SET, lines - from + 1)}::integer - 1) n`)
    })
  return lines / secondsSince(started)
}

/** One entry of two lines for each transaction, as an escrow release makes it, from eight callers to many accounts. */
async function posting(db: Db, url: string, run: Run): Promise<Figure> {
  const entries = (run.lines ?? 100_000) / 10
  const accounts = await db.tx(async (tx) => {
    const opened: bigint[] = []
    for (let i = 0; i < 200; i++) opened.push(await openAccount(tx, `bench:${i}`, 'XOF'))
    return { opened, opening: await systemAccount(tx, 'opening', 'XOF') }
  })
  const lines = (i: number) => [
    { account: accounts.opening, amount: -1n },
    { account: accounts.opened[i % accounts.opened.length] ?? accounts.opening, amount: 1n },
  ]
  const pool = new pg.Pool({ connectionString: url, max: AT_ONCE })
  const { measured, limit } = await byTurns(
    run.repeat.short,
    (turn) =>
      perSecond(entries, (i) =>
        db.tx((tx) => post(tx, [{ reason: `bench:${turn}:${i}`, kind: 'bench', lines: lines(i) }])),
      ),
    (turn) =>
      perSecond(entries, (i) =>
        pool.query({
          name: 'post',
          text: `select ledger_post(array[$1], array['bench'], array[2], array[sha256($1::bytea)], array[1, 1],
            array[$2::bigint, $3], array[-1::bigint, 1], array[null, null]::bigint[], array[null, null]::integer[],
            array[null, null]::smallint[])`,
          values: [`plain:${turn}:${i}`, String(lines(i)[0]?.account), String(lines(i)[1]?.account)],
        }),
      ),
  )
  await pool.end()
  return figure({
    id: 'ledger',
    what: `one entry for each transaction, ${AT_ONCE} at once, one account common to all`,
    unit: '/s',
    better: 'higher',
    samples: measured,
    limit: { samples: limit, how: 'the same function alone, prepared, one round trip with its own commit' },
  })
}

async function perSecond(times: number, one: (i: number) => Promise<unknown>): Promise<number> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < times) await one(next++)
  }
  const started = performance.now()
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return times / secondsSince(started)
}
