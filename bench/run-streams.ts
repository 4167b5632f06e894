import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { csvOf } from './csv.ts'
import { textTable } from './figure.ts'
import { startProduct } from './product.ts'
import { act, firstPage, streams, upload } from './streams.ts'

/** `node bench/run-streams.ts [lines]`: this part of the benchmark alone; `lines` (1,000,000) of the large batch, 0 for none. */
const lines = Number(process.argv[2] ?? 1_000_000)
const folder = mkdtempSync(join(tmpdir(), 'cauri-streams-'))
// PostgreSQL runs as another user when this is root, and must be able to reach its folder.
execFileSync('chmod', ['755', folder])
const product = await startProduct(join(folder, 'home'))
try {
  const figures = await streams(product)
  if (lines > 0) {
    const bulk_id = await upload(product, csvOf({ tag: 'large', rows: lines, amount: 1, from: 0 }))
    await act(product, bulk_id, 'pause')
    figures.push(await firstPage(product, bulk_id, lines))
  }
  console.log(textTable(figures))
} finally {
  await product.stop()
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
}
