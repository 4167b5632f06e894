import type { PaymentStore } from '../sql/store.ts'

/**
 * Everything that the engine does outside its own memory goes through these ports (the rail's is `PayoutRail`). The
 * product gives it PostgreSQL and the process's clocks (`src/payments/production.ts`); the simulation of `prove/` gives
 * it a world of its own with a virtual clock. The code between the ports is the same in both.
 */
export type Ports = {
  /** The statements, each with the handle (`Db` or `Tx`) that it runs on. The engine never looks into a handle. */
  readonly store: PaymentStore
  readonly clock: Clock
  /** A new name for a settled set, unique for ever: its ledger entries are named after it. */
  readonly newId: () => string
}

/** What an act of people needs, who cancel, hold, or say how a line ended. */
export type Acting = Pick<Ports, 'store' | 'newId'>

/** Time as this process sees it. No two machines ever compare theirs: who drives is decided by the database's clock. */
export type Clock = {
  /** Milliseconds that only grow; only differences mean something. */
  readonly now: () => number
  /** Milliseconds by the wall, which people and daemons may set. */
  readonly wall: () => number
  readonly sleep: (ms: number) => Promise<void>
  /** Calls once after so many milliseconds; the answer calls it off. `idle`: alone, it does not keep the process alive. */
  readonly after: (ms: number, call: () => void, idle?: 'idle') => () => void
}

export type { PaymentStore } from '../sql/store.ts'
