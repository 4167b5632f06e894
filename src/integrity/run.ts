import { record } from '../audit/index.ts'
import { holdConnections, listConnections, resumeConnection as letGoOn } from '../payments/index.ts'
import type { Db, Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import type { Breach } from '../platform/invariant.ts'
import type { Log } from '../platform/log.ts'
import { invariantsOf, type Mode } from './list.ts'
import { lookAlone, type Look } from './look.ts'
import * as q from './sql.ts'

export type CheckDeps = { readonly db: Db; readonly log: Log; readonly mode: Mode }

/** A look that was kept. `paused`: what it found may concern money, so nothing is paid any more. */
export type Report = Look & { readonly paused: boolean }

/**
 * Looks at everything now, keeps what it found, and pauses every payout when money may be wrong: it is safer to be late.
 * Refuses INTEGRITY_CHECK_RUNNING while another one runs.
 */
export async function runCheck({ db, log, mode }: CheckDeps, by: string): Promise<Report> {
  const look = await lookAlone(db, mode)
  if (look === undefined) throw new Refusal('INTEGRITY_CHECK_RUNNING', { retry_after_s: 5 })
  const grave = graveOf(look.breaches, mode)
  await db.tx(async (tx) => {
    const id = await q.insertCheck(tx, { ...look, checked_by: by })
    if (grave.length > 0) await pausePayouts(tx, id, grave)
  })
  const { breaches, duration_ms } = look
  if (grave.length > 0) log.error({ breaches, duration_ms }, 'an invariant does not hold; payouts are paused')
  else if (breaches.length > 0) log.error({ breaches, duration_ms }, 'an invariant does not hold')
  else log.info({ duration_ms }, 'every invariant holds')
  return { ...look, paused: grave.length > 0 }
}

const graveOf = (breaches: readonly Breach[], mode: Mode): Breach[] => {
  const pausing = new Set(invariantsOf(mode).flatMap(({ id, pauses }) => (pauses ? [id] : [])))
  return breaches.filter(({ id }) => pausing.has(id))
}

/** What is broken, in one sentence: the first of each, and how many more. */
export function becauseOf(breaches: readonly Breach[]): string {
  const [first] = breaches
  if (first === undefined) return ''
  const others = [...new Set(breaches.map(({ id }) => id))].filter((id) => id !== first.id)
  const more = others.length === 0 ? '' : `; also ${others.join(', ')}`
  return `check failed: ${first.id}, ${first.invariant} (${first.found})${more}`
}

/** An hourly check that finds the same again adds no second line to the trail. */
async function pausePayouts(tx: Tx, check: bigint, grave: readonly Breach[]): Promise<void> {
  const because = becauseOf(grave)
  const held = await listConnections(tx)
  await holdConnections(tx, because)
  for (const { id, needs_operator } of held)
    if (!needs_operator)
      await record(tx, {
        actor: 'integrity',
        action: 'connection.held',
        subject: `connection:${id}`,
        detail: { check: String(check), because },
      })
}

/**
 * An operator lets a stopped connection go on; false when it was running. What a failed check stopped is checked again
 * first. Refuses CONNECTION_NOT_FOUND, INTEGRITY_CHECK_RUNNING, and INTEGRITY_VIOLATED while what stopped it stands.
 */
export async function resumeConnection(deps: CheckDeps, id: string, by: string): Promise<boolean> {
  const connection = (await listConnections(deps.db)).find((one) => one.id === id)
  if (connection === undefined) throw new Refusal('CONNECTION_NOT_FOUND', { members: { id } })
  if (connection.state === 'RUNNING') return false
  if (connection.needs_operator) {
    const { paused, breaches } = await runCheck(deps, by)
    if (paused) throw stillBroken(graveOf(breaches, deps.mode), deps.mode)
  }
  return deps.db.tx(async (tx) => {
    if ((await letGoOn(tx, id, true)) === 0) return false
    await record(tx, {
      actor: by,
      action: 'connection.resumed',
      subject: `connection:${id}`,
      detail: { stopped_because: connection.stopped_because },
    })
    return true
  })
}

function stillBroken(grave: readonly Breach[], mode: Mode): Refusal {
  const ids = new Set(grave.map(({ id }) => id))
  const broken = invariantsOf(mode).filter(({ id }) => ids.has(id))
  return new Refusal('INTEGRITY_VIOLATED', {
    detail: {
      en: broken.map(({ id, name }) => `${id}, ${name.en}`).join('; '),
      fr: broken.map(({ id, name }) => `${id}, ${name.fr}`).join(' ; '),
    },
    members: { violated: [...ids] },
  })
}
