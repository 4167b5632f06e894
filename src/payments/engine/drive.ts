import type { PayoutRail, RailHabits } from '../../connectors/index.ts'
import type { Db, Reader } from '../../platform/db.ts'
import type { Log } from '../../platform/log.ts'
import type { BatchInfo } from '../sql/engine.ts'
import { openBreaker, type Breaker } from './breaker.ts'
import type { Connection, ConnectionSettings } from './connection.ts'
import { openLease, type LeaseKeeper } from './lease.ts'
import type { Ports } from './ports.ts'
import { openPace, type Pace } from './pace.ts'
import { openQueue, type Queue } from './queue.ts'
import type { PurposeHandler } from './settle.ts'
import { openSettler, type Settler } from './settler.ts'
import { payeeOf, type LiveRange, type Task } from './task.ts'
import { openWindow, type Window } from './window.ts'

export type DriverDeps = Ports & {
  readonly db: Db
  readonly log: Log
  readonly connection: Connection
  readonly handlers: Readonly<Record<string, PurposeHandler>>
  /** Names this process among all that may drive: host, pid and a random part. */
  readonly worker: string
}

/** What a driver holds in memory while it has the lease. Nothing here is needed after a crash. */
export type Drive = DriverDeps & {
  readonly settings: ConnectionSettings
  readonly rail: PayoutRail
  readonly lease: LeaseKeeper
  readonly queue: Queue<Task>
  readonly window: Window
  readonly pace: Pace
  readonly breaker: Breaker
  readonly settler: Settler
  /** What never changes of a batch that was loaded. */
  readonly batch: (id: bigint) => BatchInfo
  readonly load: (db: Reader, ids: readonly bigint[]) => Promise<void>
  /** Forgets batches when they are many: what is needed again is loaded again. Not while a turn works on them. */
  readonly forget: () => void
  readonly ranges: Set<LiveRange>
  /** Pursuits whose question or resend is queued, under way or being settled here: none is worked on twice at once. */
  readonly pursued: Set<bigint>
  /** The last batch that lines were claimed from: batches take turns. */
  last_batch: bigint
  /** True when the last claim found something: there may be more. */
  more: boolean
  swept_at: number
  in_flight: number
  rate_from: number
  stopping: boolean
  /** The connection is stopped and nothing may be tried yet. */
  resting: boolean
  /** Why the rail refuses us, until the loop has written it down. */
  stop_because: string | undefined
  habits: RailHabits | undefined
  /** The token under which the rail was asked for its habits and what other workers left was taken over. */
  ready: bigint
}

export function openDrive(deps: DriverDeps): Drive {
  const { settings, rail } = deps.connection
  const batches = new Map<bigint, BatchInfo>()
  const batch = (id: bigint): BatchInfo => {
    const info = batches.get(id)
    if (info === undefined) throw new Error(`batch ${id} was not loaded`)
    return info
  }
  const load = async (db: Reader, ids: readonly bigint[]): Promise<void> => {
    const missing = ids.filter((id) => !batches.has(id))
    if (missing.length > 0)
      for (const info of await deps.store.selectBatchInfo(db, missing)) batches.set(info.id, info)
  }
  return {
    ...deps,
    settings,
    rail,
    lease: openLease(deps),
    queue: openQueue<Task>(payeeOf),
    window: openWindow(settings.window_max),
    pace: openPace(),
    breaker: openBreaker(settings.breaker_ms),
    settler: openSettler({ ...deps, connection_id: settings.id, batch, load }),
    batch,
    load,
    forget() {
      if (batches.size > 1_000) batches.clear()
    },
    ranges: new Set(),
    pursued: new Set(),
    last_batch: 0n,
    more: false,
    swept_at: 0,
    in_flight: 0,
    rate_from: 0,
    stopping: false,
    resting: false,
    stop_because: undefined,
    habits: undefined,
    ready: 0n,
  }
}
