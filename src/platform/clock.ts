import { sql, type Reader } from './db.ts'

/**
 * Moves the sandbox's clock forward for every process on this database: whatever is due by then is due now. Leases are
 * not: they go by the database's own clock.
 */
export const advanceClock = (db: Reader, seconds: number): Promise<number> =>
  db.run(sql`select platform_advance_clock(${seconds}::float8)`)
