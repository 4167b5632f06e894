import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { formOf, PAYER, upload as send } from './client.ts'
import { copyOf, csvOf, type List } from './csv.ts'
import { figure, type Figure } from './figure.ts'
import { startProduct, withDatabase, type Product } from './product.ts'
import { byTurns, secondsSince, type Run } from './run.ts'

/** The part that receives runs alone, so that nothing is paid while the next list is measured. */
export async function upload(run: Run): Promise<Figure[]> {
  const lines = run.lines ?? 100_000
  const product = await startProduct(join(run.folder, 'upload'), { roles: 'api' })
  try {
    return await withDatabase(product, async (url) => {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      const place = { product, client, account: await accountId(client) }
      await bothOnce(place)
      const small = await sizes(place, { rows: lines, times: run.repeat.short, bar_s: 2 })
      const large = await sizes(place, { rows: lines * 10, times: run.repeat.long, bar_s: 20 })
      await client.end()
      return [...small, ...large]
    })
  } finally {
    await product.stop()
  }
}

type Place = { readonly product: Product; readonly client: pg.Client; readonly account: bigint }
type Size = { readonly rows: number; readonly times: number; readonly bar_s: number }

async function sizes(place: Place, { rows, times, bar_s }: Size): Promise<Figure[]> {
  const list = (what: string, i: number): List => ({
    tag: `${what}-${rows}-${i}`,
    rows,
    amount: 1,
    from: i * rows,
  })
  const { measured, limit } = await byTurns(
    times,
    (i) => uploaded(place, list('up', i)),
    (i) => copied(place, list('copy', i), BigInt(9_000_000 + rows + i)),
  )
  const n = rows.toLocaleString('en')
  return [
    figure({
      id: 'G6',
      what: `upload of ${n} rows to reserved`,
      unit: 'rows/s',
      better: 'higher',
      samples: measured.map((seconds) => rows / seconds),
      limit: {
        samples: limit.map((seconds) => rows / seconds),
        how: 'COPY of the same rows straight into payments_lines of the same database, to its commit',
      },
      bar: { on: 'ratio', value: 0.5 },
    }),
    figure({
      id: 'G6',
      what: `upload of ${n} rows to reserved, in seconds`,
      unit: 's',
      better: 'lower',
      samples: measured,
      bar: { on: 'measured', value: bar_s },
    }),
  ]
}

/** Seconds from the first byte to the answer, which comes after the commit. */
async function uploaded({ product }: Place, list: List): Promise<number> {
  const form = formOf(csvOf(list), PAYER)
  const started = performance.now()
  await send(product, form)
  return secondsSince(started)
}

const CHUNK = 65_536

/** Seconds of a COPY in a transaction of its own. The rows have no batch; the folder is thrown away at the end. */
async function copied({ client, account }: Place, list: List, batch: bigint): Promise<number> {
  const text = copyOf(list, batch, account)
  const chunks = Array.from({ length: Math.ceil(text.length / CHUNK) }, (_, i) =>
    text.subarray(i * CHUNK, (i + 1) * CHUNK),
  )
  const into = copyFrom(`
    copy payments_lines (batch_id, seq, account_id, transfer_id, amount, party_type, party_identifier, payee_name, extra)
    from stdin`)
  const started = performance.now()
  await pipeline(Readable.from(chunks), client.query(into))
  const seconds = secondsSince(started)
  if (into.rowCount !== list.rows) throw new Error(`COPY took ${into.rowCount} of ${list.rows} rows`)
  return seconds
}

/** Both paths once, so that neither opens connections or compiles while it is measured. */
async function bothOnce(place: Place): Promise<void> {
  const list = { tag: 'warm', rows: 2_000, amount: 1, from: 60_000_000 }
  await uploaded(place, list)
  await copied(place, { ...list, tag: 'warm-copy' }, 8_999_999n)
}

async function accountId(client: pg.Client): Promise<bigint> {
  const { rows } = await client.query<{ id: string }>(
    'select id from payments_accounts where account_id = $1',
    [PAYER],
  )
  const [row] = rows
  if (row === undefined) throw new Error(`${PAYER} is not there`)
  return BigInt(row.id)
}
