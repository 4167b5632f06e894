import { openDriver, type Driver } from '../../src/payments/engine/driver.ts'
import type { Acting } from '../../src/payments/engine/ports.ts'
import type { PurposeHandler } from '../../src/payments/engine/settle.ts'
import type { Log } from '../../src/platform/log.ts'
import type { Database } from './database.ts'
import type { Links } from './link.ts'
import { startProcess, type Process } from './machine.ts'
import type { World } from './plan.ts'

/** A place for a worker, and the process that runs there now. */
export type Worker = { process: Process | undefined; driver: Driver | undefined }

/** What the code of the product is given in a world, besides what is each process's own. */
export type Given = {
  readonly ports: Acting
  readonly handlers: Readonly<Record<string, PurposeHandler>>
  readonly log: Log
}

export type WorkersDeps = World & {
  readonly given: Given
  readonly database: Database
  readonly links: Links
}

/** Two or three places for workers. */
export const openWorkers = (deps: WorkersDeps): readonly Worker[] =>
  Array.from({ length: deps.random.whole(2, 3) }, (_, i) => openWorker(deps, `worker ${i + 1}`))

/** Tells those that live that new work may be there. */
export function wakeAll(workers: readonly Worker[]): void {
  for (const { process, driver } of workers) if (process?.alive()) driver?.wake()
}

/** A worker that boots some time after the world begins, and again after each end. */
function openWorker({ time, random, plan, given, database, links }: WorkersDeps, place: string): Worker {
  const worker: Worker = { process: undefined, driver: undefined }
  let generation = 0
  const boot = (): void => {
    const again = (): void => void time.after(random.between(100, 15_000), 'boots', boot)
    const process = startProcess(time, `${place}:${++generation}`, again)
    worker.process = process
    worker.driver = openDriver({
      ...given.ports,
      handlers: given.handlers,
      log: given.log,
      clock: process.clock,
      db: database.connect(process),
      connection: { settings: plan.settings, rail: links.connect(process) },
      worker: process.name,
    })
    worker.driver.start()
  }
  time.after(random.between(0, 3_000), 'boots', boot)
  return worker
}
