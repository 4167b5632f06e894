import { join } from 'node:path'
import { figure, median, type Figure } from './figure.ts'
import { runBare, type Bare } from './floor.ts'
import { listOf, payBatch, warmUp, type PaidBatch } from './paid.ts'
import { checkBooks, spentBy, startProduct, type Kind, type Spent } from './product.ts'
import { startFloor, startSimulators, type Rail } from './rails.ts'
import { byTurns, type Run } from './run.ts'

const CONNECTIONS = 64

type Bulk = {
  readonly paid: readonly PaidBatch[]
  readonly bare: readonly Bare[]
  /** The same by the leanest client that undici allows. */
  readonly lean: readonly Bare[]
  /** Processor microseconds of the rail for each call, under Cauri and under the bare client. */
  readonly rail_us: readonly number[]
  readonly peaks: Record<Kind, Spent>
}

/** G1, G9 and G10: one batch, one call for each line, beside a bare client that makes the same calls. */
export async function bulk(run: Run): Promise<Figure[]> {
  const lines = run.lines ?? 100_000
  const floor = await payAll(run, 'bulk', lines, run.repeat.short, await startFloor(run.folder))
  const faithful = await payAll(run, 'faithful', lines, run.repeat.long, await startSimulators(run.folder))
  const how = `undici's Pool.request, ${CONNECTIONS} connections, the same requests, answers read to their end`
  const n = lines.toLocaleString('en')
  return [
    figure({
      id: 'G1',
      what: `${n} lines, upload to the last line settled`,
      unit: '/s',
      better: 'higher',
      samples: floor.paid.map((one) => one.per_s),
      limit: { samples: floor.bare.map((one) => one.per_s), how: `${how}, to the rail that does nothing` },
      bar: { on: 'ratio', value: 0.45 },
      note: `of which upload ${median(floor.paid.map((one) => one.upload_s)).toFixed(2)} s`,
    }),
    figure({
      id: 'G1',
      what: 'the same, beside the leanest client',
      unit: '/s',
      better: 'higher',
      samples: floor.paid.map((one) => one.per_s),
      limit: {
        samples: floor.lean.map((one) => one.per_s),
        how: 'the same calls by Pool.dispatch, which Cauri itself uses: no stream, no promise for a body',
      },
    }),
    figure({
      id: 'G1',
      what: 'processor time of that rail for a call',
      unit: 'µs',
      better: 'lower',
      samples: floor.rail_us,
      bar: { on: 'measured', value: 15 },
    }),
    figure({
      id: 'G1',
      what: `${n} lines, paid through the faithful simulator`,
      unit: '/s',
      better: 'higher',
      samples: faithful.paid.map((one) => one.per_s),
      limit: { samples: faithful.bare.map((one) => one.per_s), how: `${how}, to the simulator` },
    }),
    cpuFigure(floor),
    ...(['server', 'postgres'] as const).map((kind) => memoryFigure(kind, n, floor.peaks[kind], 250)),
  ]
}

/** Processor time of Cauri for a transfer, and of the bare client for its call. */
function cpuFigure({ paid, bare }: Bulk): Figure {
  const of = (kind: Kind): number => median(paid.map((one) => one.cpu_us[kind]))
  return figure({
    id: 'G9',
    what: 'processor time for a transfer, server and PostgreSQL',
    unit: 'µs',
    better: 'lower',
    samples: paid.map((one) => one.cpu_us.server + one.cpu_us.postgres),
    limit: {
      samples: bare.map((one) => one.cpu_us),
      how: 'the bare client for its call, which stores nothing',
    },
    bar: { on: 'measured', value: 90 },
    note: `server ${of('server').toFixed(0)}, PostgreSQL ${of('postgres').toFixed(0)}, upload included`,
  })
}

export const memoryFigure = (kind: Kind, lines: string, { peak_mb }: Spent, bar: number): Figure =>
  figure({
    id: 'G10',
    what: `largest resident memory at ${lines} lines, ${kind === 'server' ? 'server' : 'one PostgreSQL process'}`,
    unit: 'MB',
    better: 'lower',
    samples: [peak_mb],
    bar: { on: 'measured', value: bar },
  })

/** The product and the bare client by turns on the same rail. The books are checked at the end. */
async function payAll(run: Run, part: string, lines: number, times: number, rail: Rail): Promise<Bulk> {
  const product = await startProduct(join(run.folder, part), {
    env: { SCHEME_ADAPTER_URL: rail.url, MOJALOOP_WINDOW: String(CONNECTIONS) },
  })
  const rail_us: number[] = []
  const counted = async <T>(work: () => Promise<T>): Promise<T> => {
    const before = rail.cpu_s()
    const result = await work()
    rail_us.push(((rail.cpu_s() - before) / lines) * 1e6)
    return result
  }
  const lean: Bare[] = []
  await warmUp(product, run)
  await runBare({ url: rail.url, transfers: Math.min(5_000, lines), connections: CONNECTIONS, tag: 'warm' })
  const { measured, limit } = await byTurns(
    times,
    (i) => counted(() => payBatch(product, listOf(part, i, lines))),
    async (i) => {
      const calls = { url: rail.url, transfers: lines, connections: CONNECTIONS }
      const bare = await counted(() => runBare({ ...calls, tag: `${part}-bare-${i}` }))
      lean.push(await runBare({ ...calls, tag: `${part}-lean-${i}`, lean: true }))
      return bare
    },
  )
  const peaks = spentBy(product)
  await checkBooks(product)
  await product.stop()
  await rail.stop()
  return { paid: measured, bare: limit, lean, rail_us, peaks }
}
