import { openDriver } from '../../src/payments/engine/driver.ts'
import type { PaymentStore } from '../../src/payments/engine/ports.ts'
import type { Driver } from '../../src/payments/index.ts'
import { production } from '../../src/payments/production.ts'
import type { Db } from '../../src/platform/db.ts'
import { openLog } from '../../src/platform/log.ts'
import { purposeHandlers } from '../../src/wiring.ts'
import type { Scene } from './scene.ts'
import type { Actor } from './stage.ts'

const log = openLog(process.env['TEST_LOG'] ?? 'silent')

const { store } = production

/** What is due at the same moment comes in the order in which pages are filled, which no seed decides. */
const inOrder: PaymentStore = {
  ...store,
  takeDue: async (...asked) =>
    (await store.takeDue(...asked)).toSorted((a, b) =>
      a.batch_id === b.batch_id ? a.seq - b.seq : a.batch_id < b.batch_id ? -1 : 1,
    ),
}

/** The product's own driver; only its clock is the stage's. */
export const workerOf = (scene: Scene, db: Db, actor: Actor): Driver =>
  openDriver({
    ...production,
    store: inOrder,
    clock: scene.stage.clockOf(actor),
    db,
    log,
    connection: { settings: scene.settings, rail: scene.outside.railOf(scene.stage, actor) },
    handlers: purposeHandlers,
    worker: actor.name,
  })
