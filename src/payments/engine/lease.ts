import { crashPoint } from '../../platform/crash-point.ts'
import type { Db } from '../../platform/db.ts'
import type { Log } from '../../platform/log.ts'
import type { Connection } from './connection.ts'
import type { Ports } from './ports.ts'

export type LeaseDeps = Pick<Ports, 'store' | 'clock'> & {
  readonly db: Db
  readonly log: Log
  readonly connection: Connection
  readonly worker: string
}

/** The right to drive a connection, as far as this process can know it. */
export type LeaseKeeper = {
  /** 0 when this process does not drive. */
  readonly token: () => bigint
  /** True while something may be sent: fewer than two thirds of the lease have passed since the last renewal. */
  readonly safe: () => boolean
  readonly state: () => 'RUNNING' | 'STOPPED'
  /** This worker has just stopped the connection; the next renewal reads what became of that. */
  readonly setStopped: () => void
  /** Takes or renews it when that is due; answers true when it was just taken. */
  readonly keep: () => Promise<boolean>
  readonly release: () => Promise<void>
  /** Gives it up because nobody can say what was committed under it: taken again, all of that is recovered. */
  readonly drop: (why: string) => Promise<void>
}

/**
 * Keeps the lease of one connection. The database's clock decides who drives; this process stops sending by its own
 * clocks before the lease can be over: after a freeze (SIGSTOP, a paused machine) it wakes up unable to send.
 */
export function openLease({ db, log, store, clock, connection, worker }: LeaseDeps): LeaseKeeper {
  const { settings } = connection
  let token = 0n
  let renewed: Clocks | undefined
  let state: 'RUNNING' | 'STOPPED' = 'RUNNING'

  const clocks = (): Clocks => ({ mono: clock.now(), wall: clock.wall() })
  /** The monotonic clock may stand still while a machine is suspended, the wall clock may be set back: the later counts. */
  const elapsed = (from: Clocks): number => Math.max(clock.now() - from.mono, clock.wall() - from.wall)
  const since = (): number => (renewed === undefined ? Number.POSITIVE_INFINITY : elapsed(renewed))
  const lose = (why: string): void => {
    if (token !== 0n) log.warn({ connection: settings.id, fence: String(token), why }, 'lease lost')
    token = 0n
    renewed = undefined
  }
  return {
    token: () => token,
    safe: () => token !== 0n && since() < (settings.lease_ms * 2) / 3,
    state: () => state,
    setStopped: () => void (state = 'STOPPED'),
    async keep() {
      if (token !== 0n && since() < settings.lease_ms / 5) return false
      // Read before the query leaves: the lease counts from the moment the database writes it, which is later.
      const started = clocks()
      if (token !== 0n) {
        const lease = await store.renewLease(db, settings.id, worker, token, settings.lease_ms)
        if (lease === undefined) lose('another worker drives, or it was over')
        else {
          renewed = started
          state = lease.state
        }
        return false
      }
      const lease = await store.takeLease(db, settings.id, worker, settings.lease_ms)
      if (lease === undefined) return false
      token = lease.token
      state = lease.state
      renewed = started
      log.info({ connection: settings.id, fence: String(token), worker }, 'lease taken')
      crashPoint('lease.taken')
      return true
    },
    async release() {
      if (token === 0n) return
      await store.releaseLease(db, settings.id, worker, token)
      token = 0n
      renewed = undefined
    },
    async drop(why) {
      const dropped = token
      lose(why)
      if (dropped !== 0n) await store.releaseLease(db, settings.id, worker, dropped)
    },
  }
}

type Clocks = { readonly mono: number; readonly wall: number }
