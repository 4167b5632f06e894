import { join } from 'node:path'
import { figure, median, type Figure } from './figure.ts'
import { runBare } from './floor.ts'
import { listOf, payBatch } from './paid.ts'
import { checkBooks, startProduct } from './product.ts'
import { startFloor } from './rails.ts'
import { byTurns, type Run } from './run.ts'

const DELAY_MS = 100
const WINDOW = 512

/**
 * G8: a rail far away. What limits it is the window: so many calls in flight, each for so long. The batch is long
 * enough, ten seconds at the limit, that the window's opening (from 16 to 512, a few delays) is a small part of it.
 */
export async function slow(run: Run): Promise<Figure[]> {
  const lines = run.lines ?? 50_000
  const floor = await startFloor(run.folder, DELAY_MS)
  const product = await startProduct(join(run.folder, 'slow'), {
    env: { SCHEME_ADAPTER_URL: floor.url, MOJALOOP_WINDOW: String(WINDOW) },
  })
  const { measured, limit } = await byTurns(
    run.repeat.long,
    (i) => payBatch(product, listOf('slow', i, lines)),
    (i) => runBare({ url: floor.url, transfers: lines, connections: WINDOW, tag: `slow-bare-${i}` }),
  )
  await checkBooks(product)
  await product.stop()
  await floor.stop()
  const most = WINDOW / (DELAY_MS / 1_000)
  const whole = median(measured.map((one) => one.per_s))
  const bare = median(limit.map((one) => one.per_s))
  return [
    figure({
      id: 'G8',
      what: `${lines.toLocaleString('en')} lines, a rail ${DELAY_MS} ms away, window ${WINDOW}`,
      unit: '/s',
      better: 'higher',
      samples: measured.map((one) => lines / (one.total_s - one.upload_s)),
      limit: { samples: [most], how: `window ÷ latency; the bare client reached ${bare.toFixed(0)} /s` },
      bar: { on: 'ratio', value: 0.9 },
      note: `from the upload's answer to the last line settled; with the upload ${whole.toFixed(0)} /s`,
    }),
  ]
}
