import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'

/** The scheduler's own session: it looks at the others, ends them, and lets time pass. */
export type Control = {
  /** Which of these sessions wait for a lock that one of `all` holds. */
  readonly blocked: (pids: readonly number[], all: readonly number[]) => Promise<ReadonlySet<number>>
  /**
   * Stops sessions where they wait for a lock: when it is theirs they go on only once they are let go. Does nothing on a
   * server that is elsewhere; there, who is let go together races.
   */
  readonly hold: (pids: readonly number[]) => void
  readonly letGo: (pid: number) => void
  /** Ends sessions whose process is dead, and waits until the server has rolled them back. */
  readonly terminate: (pids: readonly number[]) => Promise<void>
  /** Time passes for everybody: deadlines come nearer, leases run out. */
  readonly pass: (ms: number) => Promise<void>
  readonly end: () => Promise<void>
}

/** `url` names the database's owner; `here`: its server's processes are this machine's. */
export async function openControl(url: string, here: boolean): Promise<Control> {
  const client = new pg.Client({ connectionString: url, application_name: 'interleavings: control' })
  await client.connect()
  return {
    async blocked(pids, all) {
      const { rows } = await client.query<{ pid: number }>(
        `select pid from unnest($1::int[]) as u(pid) where pg_isolation_test_session_is_blocked(pid, $2::int[])`,
        [pids, all],
      )
      return new Set(rows.map((row) => row.pid))
    },
    hold: (pids) => here && pids.forEach((pid) => process.kill(pid, 'SIGSTOP')),
    letGo: (pid) => here && process.kill(pid, 'SIGCONT'),
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
    pass: async (ms) => void (await client.query(`select platform_advance_clock($1)`, [ms / 1_000])),
    end: () => client.end(),
  }
}
