import type { Lease } from '../../../src/payments/sql/drive.ts'
import type { Some } from './statements.ts'
import { patch, type ConnectionRow, type Tables } from './tables.ts'

/** src/payments/sql/drive.ts: who drives a connection, and how it is used. `now` is the database's clock. */
export function leaseStatements(
  tables: Tables,
  now: () => number,
): Some<
  | 'takeLease'
  | 'renewLease'
  | 'releaseLease'
  | 'lockDriving'
  | 'currentToken'
  | 'setMode'
  | 'stopConnection'
  | 'resumeConnection'
> {
  return { ...driverStatements(tables, now), ...connectionStatements(tables) }
}

const leaseOf = ({ token, state, stopped_because }: ConnectionRow): Lease => ({
  token,
  state,
  stopped_because,
})

/** The connection, when the lease on it is the one of this token. */
function held(tables: Tables, id: string, token: bigint): ConnectionRow | undefined {
  const row = tables.connections.get(id)
  return row?.token === token ? row : undefined
}

/** Who drives. */
function driverStatements(tables: Tables, now: () => number) {
  return {
    takeLease(id: string, worker: string, lease_ms: number): Lease | undefined {
      const row = tables.connections.get(id)
      if (row === undefined || (row.lease_until !== null && row.lease_until >= now())) return undefined
      patch(tables, row, { worker, token: row.token + 1n, lease_until: now() + lease_ms })
      return leaseOf(row)
    },
    renewLease(id: string, worker: string, token: bigint, lease_ms: number): Lease | undefined {
      const row = held(tables, id, token)
      if (row === undefined || row.worker !== worker || row.lease_until === null || row.lease_until <= now())
        return undefined
      patch(tables, row, { lease_until: now() + lease_ms })
      return leaseOf(row)
    },
    releaseLease(id: string, worker: string, token: bigint): number {
      const row = held(tables, id, token)
      if (row === undefined || row.worker !== worker) return 0
      patch(tables, row, { worker: null, lease_until: null })
      return 1
    },
    lockDriving: (id: string, token: bigint): boolean => held(tables, id, token) !== undefined,
    currentToken(id: string): bigint {
      const row = tables.connections.get(id)
      if (row === undefined) throw new Error('expected one row, got none')
      return row.token
    },
  }
}

/** Whether it may be driven, and in which mode of the rail. */
function connectionStatements(tables: Tables) {
  return {
    setMode(id: string, mode: string): number {
      const row = tables.connections.get(id)
      if (row === undefined || row.mode === mode) return 0
      patch(tables, row, { mode })
      return 1
    },
    stopConnection(id: string, token: bigint, because: string): number {
      const row = held(tables, id, token)
      if (row === undefined || row.state !== 'RUNNING') return 0
      patch(tables, row, { state: 'STOPPED', stopped_because: because.slice(0, 500) })
      return 1
    },
    resumeConnection(id: string, operator: boolean): number {
      const row = tables.connections.get(id)
      if (row === undefined || row.state !== 'STOPPED' || (row.needs_operator && !operator)) return 0
      patch(tables, row, { state: 'RUNNING', stopped_because: null, needs_operator: false })
      return 1
    },
  }
}
