import { join } from 'node:path'
import { memoryFigure } from './bulk.ts'
import { allPaid, formOf, PAYER, upload } from './client.ts'
import { csvOf } from './csv.ts'
import { figure, type Figure } from './figure.ts'
import { checkBooks, spentBy, startProduct } from './product.ts'
import { startFloor } from './rails.ts'
import { secondsSince, type Run } from './run.ts'
import { act, firstPage } from './streams.ts'

/** The largest list that is taken, from the upload to its last line: how much memory that needs (G10). */
export async function million(run: Run): Promise<Figure[]> {
  const lines = (run.lines ?? 100_000) * 10
  const floor = await startFloor(run.folder)
  const product = await startProduct(join(run.folder, 'million'), {
    env: { SCHEME_ADAPTER_URL: floor.url, MOJALOOP_WINDOW: '64' },
  })
  const form = formOf(csvOf({ tag: 'million', rows: lines, amount: 1, from: 0 }), PAYER)
  const id = await upload(product, form)
  await act(product, id, 'pause')
  const page = await firstPage(product, id, lines)
  const uploading = spentBy(product)
  const started = performance.now()
  await act(product, id, 'resume')
  await allPaid(product, id, lines)
  const seconds = secondsSince(started)
  const peaks = spentBy(product)
  await checkBooks(product)
  await product.stop()
  await floor.stop()
  const n = lines.toLocaleString('en')
  return [
    ...(['server', 'postgres'] as const).map((kind) => memoryFigure(kind, n, peaks[kind], 350)),
    figure({
      id: 'G10',
      what: `of which after the upload alone, server`,
      unit: 'MB',
      better: 'lower',
      samples: [uploading.server.peak_mb],
    }),
    figure({
      id: 'G1',
      what: `${n} lines, after the upload`,
      unit: '/s',
      better: 'higher',
      samples: [lines / seconds],
      note: `${seconds.toFixed(0)} s`,
    }),
    page,
  ]
}
