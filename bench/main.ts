import { execFileSync } from 'node:child_process'
import { createWriteStream, mkdtempSync, openAsBlob, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { httpFloor } from './floor.ts'
import { startProduct, usageOf, type Product, type Usage } from './product.ts'

/** One measured figure beside the bar that it must not pass. */
type Figure = {
  readonly what: string
  readonly value: number
  readonly unit: string
  readonly bar: number
  readonly note: string
}

const figures: Figure[] = []
const measure = (what: string, value: number, unit: string, bar: number, note = ''): void => {
  figures.push({ what, value, unit, bar, note })
  console.log(`${value <= bar ? 'ok  ' : 'OVER'} ${what}: ${value.toFixed(2)} ${unit} (bar ${bar}) ${note}`)
}

/** A standard file of n lines to n payees, none of them magic. */
async function writeCsv(path: string, n: number, amount: number): Promise<void> {
  const out = createWriteStream(path)
  out.write('transferId,amount,currency,partyIdType,partyIdentifier\n')
  for (let i = 0; i < n; i++) {
    const line = `b${process.pid}-${n}-${i},${amount},XOF,MSISDN,228${10_000_000 + i + Math.floor(i / 500_000)}\n`
    if (!out.write(line.replace(/000(\d{3})\n$/, '1110$1\n')))
      await new Promise((resolve) => out.once('drain', resolve))
  }
  await new Promise((resolve) => out.end(resolve))
}

async function upload(product: Product, path: string): Promise<string> {
  const form = new FormData()
  form.set('payer_account', 'ACC-123456789')
  form.set('file', await openAsBlob(path), 'bench.csv')
  const answer = await fetch(`${product.base}/api/bulk-transfers`, { method: 'POST', body: form })
  const body = (await answer.json()) as { bulkTransferId?: string }
  if (answer.status !== 201 || body.bulkTransferId === undefined)
    throw new Error(`upload: ${answer.status} ${JSON.stringify(body)}`)
  return body.bulkTransferId
}

async function finished(product: Product, id: string, deadline_s: number): Promise<Record<string, unknown>> {
  const answer = await fetch(`${product.base}/api/bulk-transfers/${id}/wait?timeout=${deadline_s}`)
  const body = (await answer.json()) as Record<string, unknown>
  if (answer.status !== 200) throw new Error(`wait: ${answer.status} ${JSON.stringify(body)}`)
  return body
}

const cpuOf = (usage: readonly Usage[]): number => usage.reduce((sum, one) => sum + one.cpu_s, 0)

async function bulk(product: Product, home: string, folder: string): Promise<void> {
  const n = 100_000
  const path = join(folder, 'bulk.csv')
  await writeCsv(path, n, 100)
  const before = usageOf(product, home)
  const started = performance.now()
  const id = await upload(product, path)
  const reserved = performance.now()
  const end = await finished(product, id, 300)
  const seconds = (performance.now() - started) / 1_000
  const after = usageOf(product, home)
  if (end['completed'] !== n) throw new Error(`not all were paid: ${JSON.stringify(end)}`)
  const per = after.map((u, i) => `${u.what} ${(((u.cpu_s - (before[i]?.cpu_s ?? 0)) / n) * 1e6).toFixed(0)}`)
  measure(
    '100,000 lines, upload to last line settled',
    seconds,
    's',
    15,
    `upload ${((reserved - started) / 1_000).toFixed(2)} s; µs of CPU per line: ${per.join(', ')}`,
  )
  const floor = await httpFloor(product.adapter, 30_000, 64)
  const ratio = n / seconds / floor
  console.log(
    `     the same calls by a bare client: ${floor.toFixed(0)}/s, 100,000 in ${(n / floor).toFixed(1)} s; ours ÷ floor: ${ratio.toFixed(2)}`,
  )
  figures.push({
    what: 'HTTP floor, calls per second',
    value: floor,
    unit: '/s',
    bar: Number.POSITIVE_INFINITY,
    note: `ratio ${ratio.toFixed(2)}`,
  })
  measure(
    'processor time per line, without the simulators',
    ((cpuOf(after) - cpuOf(before) - ((after[1]?.cpu_s ?? 0) - (before[1]?.cpu_s ?? 0))) / n) * 1e6,
    'µs',
    110,
  )
}

async function million(product: Product, home: string, folder: string): Promise<void> {
  const path = join(folder, 'million.csv')
  await writeCsv(path, 1_000_000, 1)
  const started = performance.now()
  const id = await upload(product, path)
  const seconds = (performance.now() - started) / 1_000
  const peaks = usageOf(product, home)
  await fetch(`${product.base}/api/bulk-transfers/${id}/pause`, { method: 'POST' })
  measure('1,000,000 rows, upload to reserved', seconds, 's', 40)
  for (const { what, peak_mb } of peaks) measure(`largest resident memory, ${what}`, peak_mb, 'MB', 400)
}

async function rest(product: Product, home: string): Promise<void> {
  await sleep(3_000)
  const before = cpuOf(usageOf(product, home))
  await sleep(20_000)
  measure('a resting sandbox', ((cpuOf(usageOf(product, home)) - before) / 20) * 100, '% of a core', 2)
}

const wanted = new Set(process.argv.slice(2))
const runs = (name: string): boolean => wanted.size === 0 || wanted.has(name)
const folder = mkdtempSync(join(tmpdir(), 'cauri-bench-'))
// PostgreSQL runs as another user when this is root, and must be able to reach its folder.
execFileSync('chmod', ['755', folder])
const home = join(folder, 'home')
console.log(
  `load before: ${loadavg()
    .map((x) => x.toFixed(2))
    .join(' ')}`,
)
try {
  const first = await startProduct(home)
  measure('first start on an empty folder', first.start_ms / 1_000, 's', 90)
  await first.stop()
  const product = await startProduct(home)
  measure('second start', product.start_ms / 1_000, 's', 4)
  try {
    if (runs('rest')) await rest(product, home)
    if (runs('bulk')) await bulk(product, home, folder)
    if (runs('million')) await million(product, home, folder)
  } finally {
    await product.stop()
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(
  `load after: ${loadavg()
    .map((x) => x.toFixed(2))
    .join(' ')}`,
)
if (process.env['BENCH_JSON'] !== undefined)
  writeFileSync(process.env['BENCH_JSON'], JSON.stringify(figures, null, 2))
process.exitCode = figures.every((figure) => figure.value <= figure.bar) ? 0 : 1
