import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'

/** The scheduler's own session: it looks at the others, ends them, and lets time pass. */
export type Control = {
  /** Which of these sessions wait for a lock that one of `all` holds. */
  readonly blocked: (pids: readonly number[], all: readonly number[]) => Promise<ReadonlySet<number>>
  /** True when some of them wait for each other in a circle. */
  readonly deadlocked: (pids: readonly number[]) => Promise<boolean>
  /** Ends sessions whose process is dead, and waits until the server has rolled them back. */
  readonly terminate: (pids: readonly number[]) => Promise<void>
  /**
   * Time passes for everybody: deadlines come nearer, leases run out. False when a row that has to know it is locked,
   * and then nothing has passed.
   */
  readonly pass: (ms: number) => Promise<boolean>
  readonly end: () => Promise<void>
}

/** `url` names the database's owner. */
export async function openControl(url: string): Promise<Control> {
  const client = new pg.Client({ connectionString: url, application_name: 'interleavings: control' })
  await client.connect()
  await client.query(`set lock_timeout = '30ms'`)
  return {
    async blocked(pids, all) {
      const { rows } = await client.query<{ pid: number }>(
        `select pid from unnest($1::int[]) as u(pid) where pg_isolation_test_session_is_blocked(pid, $2::int[])`,
        [pids, all],
      )
      return new Set(rows.map((row) => row.pid))
    },
    async deadlocked(pids) {
      const { rows } = await client.query<{ pid: number; by: number[] }>(
        `select pid, pg_blocking_pids(pid) as by from unnest($1::int[]) as u(pid)`,
        [pids],
      )
      return hasCircle(new Map(rows.map((row) => [row.pid, row.by])))
    },
    async terminate(pids) {
      await client.query(`select pg_terminate_backend(pid) from unnest($1::int[]) as u(pid)`, [pids])
      for (const until = performance.now() + 5_000; ; await pause(1)) {
        const { rowCount } = await client.query(`select from pg_stat_activity where pid = any ($1::int[])`, [
          pids,
        ])
        if (rowCount === 0) return
        if (performance.now() > until) throw new Error('a session that was ended is still there')
      }
    },
    async pass(ms) {
      const span = `interval '${Math.round(ms)} milliseconds'`
      try {
        // One text is one transaction.
        await client.query(
          `select platform_advance_clock(${Math.round(ms) / 1_000});
           update payments_connections set lease_until = lease_until - ${span} where lease_until is not null;
           update platform_idempotency set lease_until = lease_until - ${span} where status is null`,
        )
        return true
      } catch (error) {
        if (error instanceof pg.DatabaseError && error.code === '55P03') return false
        throw error
      }
    },
    end: () => client.end(),
  }
}

/** Follows who waits for whom until somebody comes a second time. */
function hasCircle(waits: ReadonlyMap<number, readonly number[]>): boolean {
  const reaches = (from: number, to: number, seen: Set<number>): boolean =>
    (waits.get(from) ?? []).some(
      (next) => next === to || (!seen.has(next) && reaches(next, to, seen.add(next))),
    )
  return [...waits.keys()].some((pid) => reaches(pid, pid, new Set()))
}
