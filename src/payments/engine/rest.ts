import { freeUnsent } from './claims.ts'
import type { Drive } from './drive.ts'

/** The rail says that something is wrong with us: stop, free what was not sent, tell the operator. */
export async function rest(drive: Drive, because: string): Promise<void> {
  await freeUnsent(drive, () => true)
  await drive.db.tx((tx) => drive.store.stopConnection(tx, drive.settings.id, drive.lease.token(), because))
  drive.log.error(
    { connection: drive.settings.id, because },
    'the rail refuses us; the connection is stopped',
  )
  drive.breaker.open(drive.clock.now(), drive.settings.stop_ms)
  drive.lease.setStopped()
  drive.resting = true
  drive.stop_because = undefined
  drive.ready = 0n // what made it refuse us may have changed how it must be used
}

/** After its rest, or at an operator's word, one line tries. */
export async function mayTryAgain(drive: Drive): Promise<boolean> {
  await freeUnsent(drive, () => true)
  if (drive.breaker.allowed(drive.clock.now()) === 0) return false
  return (await drive.db.tx((tx) => drive.store.resumeConnection(tx, drive.settings.id, false))) === 1
}
