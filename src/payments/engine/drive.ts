import type { RailHabits } from '../../connectors/index.ts'
import type { Db } from '../../platform/db.ts'
import type { Log } from '../../platform/log.ts'
import { selectBatchInfo, type BatchInfo } from '../sql/engine.ts'
import { openBreaker } from './breaker.ts'
import type { Connection } from './connection.ts'
import { openLease } from './lease.ts'
import { openQueue } from './queue.ts'
import type { PurposeHandler } from './settle.ts'
import { openSettler } from './settler.ts'
import { payeeOf, type LiveRange, type Task } from './task.ts'
import { openWindow } from './window.ts'

export type DriverDeps = {
  readonly db: Db
  readonly log: Log
  readonly connection: Connection
  readonly handlers: Readonly<Record<string, PurposeHandler>>
  /** Names this process among all that may drive: host, pid and a random part. */
  readonly worker: string
}

/** What a driver holds in memory while it has the lease. Nothing here is needed after a crash. */
export type Drive = ReturnType<typeof openDrive>

export function openDrive(deps: DriverDeps) {
  const { settings } = deps.connection
  const batches = new Map<bigint, BatchInfo>()
  const batch = (id: bigint): BatchInfo => {
    const info = batches.get(id)
    if (info === undefined) throw new Error(`batch ${id} was not loaded`)
    return info
  }
  return {
    ...deps,
    settings,
    rail: deps.connection.rail,
    lease: openLease(deps.db, deps.log, settings, deps.worker),
    queue: openQueue<Task>(payeeOf),
    window: openWindow(settings.window_max),
    breaker: openBreaker(settings.breaker_ms),
    settler: openSettler({ ...deps, connection_id: settings.id, batch }),
    batch,
    /** Loads what never changes of these batches, once. */
    async load(db: Db, ids: readonly bigint[]): Promise<void> {
      const missing = ids.filter((id) => !batches.has(id))
      if (missing.length > 0)
        for (const info of await selectBatchInfo(db, missing)) batches.set(info.id, info)
    },
    /** Forgets finished batches; only while nothing is under way. */
    forget(): void {
      if (batches.size > 1_000) batches.clear()
    },
    ranges: new Set<LiveRange>(),
    /** The last batch that lines were claimed from: batches take turns. */
    last_batch: 0n,
    /** True when the last claim found something: there may be more. */
    more: false,
    swept_at: 0,
    in_flight: 0,
    rate_from: 0,
    stopping: false,
    /** The connection is stopped and nothing may be tried yet. */
    resting: false,
    /** Why the rail refuses us, until the loop has written it down. */
    stop_because: undefined as string | undefined,
    habits: undefined as RailHabits | undefined,
  }
}
