import type { Driver } from '../../src/payments/engine/driver.ts'
import type { Database } from './database.ts'
import type { Process } from './machine.ts'
import type { Outside } from './outside.ts'
import type { World } from './plan.ts'
import type { Worker } from './workers.ts'

export type TroubleDeps = World & {
  readonly database: Database
  readonly outside: Outside
  readonly workers: readonly Worker[]
  readonly quiet_at: number
}

/** What happens to machines, the database and the rail at any time. */
export function troubles(deps: TroubleDeps): void {
  const { time, random, faults, plan, database, outside, workers, quiet_at } = deps
  const again = (): void => {
    if (faults.ended()) return
    if (faults.strike('database: away')) database.away(random.between(100, 8_000))
    if (faults.strike('rail: silent')) outside.silence(random.between(500, 10_000))
    if (faults.strike('rail: refuses us (401)')) outside.refuseUs(random.between(100, 5_000))
    for (const { process, driver } of workers) {
      if (process === undefined || driver === undefined || !process.alive()) continue
      if (faults.strike('worker: machine suspended')) process.suspend(random.between(1_000, 30_000))
      if (faults.strike('worker: wall clock set'))
        process.setWall(random.between(plan.sets_back ? -60_000 : 0, 60_000))
      if (faults.strike('worker: stopped for an upgrade')) void leave(process, driver)
    }
    time.after(random.between(2_000, 10_000), 'trouble', again)
  }
  time.after(random.between(0, quiet_at / 2), 'trouble', again)
}

/** A graceful stop; what it did not manage in time is killed. */
async function leave(process: Process, driver: Driver): Promise<void> {
  await driver.stop(7_000).catch(() => undefined)
  process.kill()
}
