import { join } from 'node:path'
import { figure, type Figure } from './figure.ts'
import { runBare } from './floor.ts'
import { listOf, payBatch, warmUp } from './paid.ts'
import { checkBooks, startProduct } from './product.ts'
import { startSimulators } from './rails.ts'
import { byTurns, type Run } from './run.ts'

const CONNECTIONS = 64

/**
 * An adapter that takes no transfer id of ours and stops at the quote: the line's own reference is the adapter's, kept
 * before the second call moves the money. Two calls and one more commit for each line, to the faithful simulator.
 */
export async function twoPhase(run: Run): Promise<Figure[]> {
  const lines = run.lines ?? 20_000
  const rail = await startSimulators(run.folder, { mojaloop: { phases: 2, strict: true } })
  const product = await startProduct(join(run.folder, 'two-phase'), {
    env: {
      SCHEME_ADAPTER_URL: rail.url,
      MOJALOOP_MODE: 'two-phase',
      MOJALOOP_WINDOW: String(CONNECTIONS),
    },
  })
  await warmUp(product, run)
  const { measured, limit } = await byTurns(
    run.repeat.long,
    (i) => payBatch(product, listOf('two', i, lines)),
    (i) =>
      runBare({
        url: rail.url,
        transfers: lines,
        connections: CONNECTIONS,
        tag: `two-bare-${i}`,
        two_phase: true,
      }),
  )
  await checkBooks(product)
  await product.stop()
  await rail.stop()
  return [
    figure({
      id: '2P',
      what: `${lines.toLocaleString('en')} lines in two phases, faithful simulator`,
      unit: '/s',
      better: 'higher',
      samples: measured.map((one) => one.per_s),
      limit: { samples: limit.map((one) => one.per_s), how: 'a bare client that makes the same two calls' },
    }),
  ]
}
