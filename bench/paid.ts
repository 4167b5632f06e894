import { allPaid, formOf, PAYER, upload } from './client.ts'
import { csvOf, type List } from './csv.ts'
import { spentBy, type Kind, type Product } from './product.ts'
import { secondsSince, type Run } from './run.ts'

/** One batch from the first byte of its upload to its last settled line. */
export type PaidBatch = {
  readonly upload_s: number
  readonly total_s: number
  /** Lines per second, upload included. */
  readonly per_s: number
  /** Processor microseconds per line of each kind of process. */
  readonly cpu_us: Record<Kind, number>
}

/** Uploads a list and waits for its end. The file is made before the clock runs. Throws unless every line was paid. */
export async function payBatch(product: Product, list: List): Promise<PaidBatch> {
  const form = formOf(csvOf(list), PAYER)
  const before = spentBy(product)
  const started = performance.now()
  const id = await upload(product, form)
  const upload_s = secondsSince(started)
  await allPaid(product, id, list.rows)
  const total_s = secondsSince(started)
  const after = spentBy(product)
  const cpuOf = (kind: Kind): number => ((after[kind].cpu_s - before[kind].cpu_s) / list.rows) * 1e6
  return {
    upload_s,
    total_s,
    per_s: list.rows / total_s,
    cpu_us: { server: cpuOf('server'), simulators: cpuOf('simulators'), postgres: cpuOf('postgres') },
  }
}

/** The i-th list of a part: other ids and other payees than those before, so that no list is «the same list again». */
export const listOf = (part: string, i: number, rows: number): List => ({
  tag: `${part}-${i}`,
  rows,
  amount: 100,
  from: i * rows,
})

/** A few lines first, so that connections are open and the hot code is compiled: they are not measured. */
export const warmUp = async (product: Product, run: Run): Promise<void> =>
  void (await payBatch(product, {
    tag: 'warm',
    rows: Math.min(5_000, run.lines ?? 5_000),
    amount: 100,
    from: 30_000_000,
  }))
