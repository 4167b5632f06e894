import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { figure, type Figure } from './figure.ts'
import { spentBy, startProduct } from './product.ts'
import type { Run } from './run.ts'

/** From the command to the line `ready`, on an empty data folder and on one that has been used. */
export async function start(run: Run): Promise<Figure[]> {
  const first: number[] = []
  const second: number[] = []
  for (let i = 0; i < run.repeat.long; i++)
    for (const times of [first, second]) {
      const product = await startProduct(join(run.folder, `start-${i}`))
      times.push(product.start_ms / 1_000)
      await product.stop()
    }
  return [
    figure({
      id: 'start',
      what: 'first start, on an empty folder',
      unit: 's',
      better: 'lower',
      samples: first,
      bar: { on: 'measured', value: 90 },
      note: 'packages are installed already; from a fresh clone their installation comes before',
    }),
    figure({
      id: 'start',
      what: 'second start',
      unit: 's',
      better: 'lower',
      samples: second,
      bar: { on: 'measured', value: 4 },
    }),
  ]
}

const SETTLE_MS = 5_000
const WATCHED_S = 20

/** What a sandbox uses that nobody asks anything: all its processes, simulators included. */
export async function rest(run: Run): Promise<Figure[]> {
  const product = await startProduct(join(run.folder, 'rest'))
  await pause(SETTLE_MS)
  const used = (): number => Object.values(spentBy(product)).reduce((sum, { cpu_s }) => sum + cpu_s, 0)
  const before = used()
  await pause(WATCHED_S * 1_000)
  const percent = ((used() - before) / WATCHED_S) * 100
  await product.stop()
  return [
    figure({
      id: 'rest',
      what: 'a resting sandbox, all its processes',
      unit: '% of a core',
      better: 'lower',
      samples: [percent],
      bar: { on: 'measured', value: 2 },
      note: `over ${WATCHED_S} s`,
    }),
  ]
}
