import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { openDriver as openDriverWith, type Driver } from './engine/driver.ts'
import type { DriverDeps } from './engine/drive.ts'
import type { Ports } from './engine/ports.ts'
import { sqlStore } from './sql/store.ts'

/** The engine's ports in the product: PostgreSQL and the clocks of this process. */
export const production: Ports = {
  store: sqlStore,
  clock: {
    now: () => performance.now(),
    // oxlint-disable-next-line no-restricted-properties -- the one process clock of the engine: it only ever stops sending
    wall: () => Date.now(),
    sleep: (ms) => pause(ms),
    after(ms, call, idle) {
      const timer = setTimeout(call, ms)
      if (idle !== undefined) timer.unref()
      return () => clearTimeout(timer)
    },
  },
  newId: () => randomUUID(),
}

/** A driver of the product. */
export const openDriver = (deps: Omit<DriverDeps, keyof Ports>): Driver =>
  openDriverWith({ ...deps, ...production })
