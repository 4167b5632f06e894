import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import { CannotRun } from './failure.ts'

const SQLITE_BUSY = 5

/**
 * Waits until nobody else holds the file, then holds it until the returned function is called or the process dies.
 * The lock is the operating system's own, through an empty SQLite file: a lock file with a process number in it would
 * be stale after a crash, and two who clear a stale one can both believe that they won.
 */
export async function holdLock(file: string, deadline_ms: number): Promise<() => void> {
  const until = Date.now() + deadline_ms
  const lock = new DatabaseSync(file, { timeout: 0 })
  while (!isTaken(lock)) {
    if (Date.now() > until) {
      lock.close()
      throw new CannotRun(
        `another start has held ${file} for ${deadline_ms / 1000} s`,
        'wait for it, or stop that process and start again',
      )
    }
    await pause(25)
  }
  return () => lock.close()
}

function isTaken(lock: DatabaseSync): boolean {
  try {
    lock.exec('begin exclusive')
    return true
  } catch (error) {
    // Busy is the one answer that waiting cures.
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return false
    throw error
  }
}
