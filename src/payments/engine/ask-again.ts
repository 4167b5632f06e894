import { crashPoint } from '../../platform/crash-point.ts'
import type { DueRow } from '../sql/drive.ts'
import { queryDelay } from './connection.ts'
import type { Drive } from './drive.ts'
import type { Task } from './task.ts'

/** A pursuit's question or resend is over here. Under a lease taken again, the mark is another question's. */
export function pursuedNoMore(drive: Drive, id: bigint, token: bigint): void {
  if (drive.lease.token() === token) drive.pursued.delete(id)
}

/** Writes down when to ask again; or commits a resend and then queues the very same order. */
export async function askAgain(
  drive: Drive,
  task: Task,
  due: DueRow,
  token: bigint,
  step:
    | { readonly kind: 'ask-again'; after_ms: number; not_found: number; because: string }
    | { readonly kind: 'resend' },
): Promise<void> {
  try {
    if (step.kind === 'ask-again') {
      await drive.store.reschedule(drive.db, due, token, step.after_ms, { ...step, resends: false })
      return pursuedNoMore(drive, due.id, token)
    }
    const busy = 2 * drive.settings.timeout_ms
    const change = { not_found: 0, because: 'sent again under the same reference', resends: true }
    if ((await drive.store.reschedule(drive.db, due, token, busy, change)) === 0) {
      const because = 'not found, and held or cancelled'
      const held = { not_found: due.not_found, because, resends: false }
      await drive.store.reschedule(drive.db, due, token, queryDelay(drive.settings, due.tries), held)
    } else {
      crashPoint('resend.committed')
      if (drive.lease.token() === token)
        return drive.queue.push({
          ...task,
          kind: 'pay',
          due: { ...due, resent: due.resent + 1 },
          resent: true,
        })
    }
    pursuedNoMore(drive, due.id, token)
  } catch (error) {
    pursuedNoMore(drive, due.id, token)
    // It comes due again by itself: taking it had already committed a later time.
    drive.log.warn({ err: error, pursuit: String(due.id) }, 'a pursuit could not be rescheduled')
  }
}
