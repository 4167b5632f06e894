import { attest, personName, type KycFacts, type KycStatus } from '../identity/index.ts'
import { record } from '../audit/index.ts'
import type { Tx } from '../platform/db.ts'
import { unreachable } from '../platform/errors.ts'
import { tellPerson } from './news.ts'
import type { KycReason } from './reasons.ts'
import * as q from './sql/cases.ts'
import { nextStatus, type KycEvent } from './status.ts'

export type Step = {
  readonly event: KycEvent
  /** `person:4`, `provider:smile-id-v1`, `kyc`. */
  readonly by: string
  readonly reason?: KycReason | undefined
  /** An administrator's own words. */
  readonly note?: string | undefined
  readonly check_id?: string | undefined
  /** Until when VERIFIED is good. */
  readonly expires_at?: Date | undefined
  /** `2031-12-31`, as the provider read it on the document. */
  readonly document_expires_on?: string | undefined
}

/**
 * The one place that changes a person's status: the transition table decides, and case, history, trail and news are written with it.
 * The person's row is locked by the caller. Undefined where the event changes nothing.
 */
export async function decide(tx: Tx, person: KycFacts, step: Step): Promise<KycStatus | undefined> {
  const to = nextStatus(person.kyc_status, step.event)
  if (to === undefined) return undefined
  const before = await q.readCase(tx, person.id)
  await q.putCase(tx, person.id, caseAfter(before, to, step, await tx.now()))
  const verifies = step.event === 'CLEAR' || step.event === 'APPROVE'
  if (to !== person.kyc_status || verifies)
    await attest(tx, step.by, {
      person_id: person.id,
      kyc_status: to,
      ...(step.expires_at === undefined ? {} : { kyc_expires_at: step.expires_at }),
    })
  const { event, by, reason = null, note = null, check_id = null } = step
  await q.insertDecision(tx, person.id, {
    decided_by: by,
    event,
    from_status: person.kyc_status,
    to_status: to,
    reason,
    note,
    check_id,
  })
  const detail = { event, status: to, ...(reason === null ? {} : { reason }) }
  await record(tx, { actor: by, action: 'kyc.decided', subject: personName(person.id), detail })
  await tell(tx, person.id, { to, event, reason })
  return to
}

/** The case after an event: what was said of an earlier round does not stay beside a later one. */
function caseAfter(before: q.Case, to: KycStatus, step: Step, now: Date): q.Case {
  const { event, reason = null, note = null } = step
  const apart = { first_approval_by: null, first_approval_at: null }
  const decided = { ...before, ...apart, reason, note, decided_at: now, review_since: null }
  switch (event) {
    case 'COMPLETE':
    case 'HAND_OVER': {
      const review_since = event === 'HAND_OVER' ? now : null
      const fresh = { reason: null, note: null, refused_by_provider: false, document_expires_on: null }
      return { ...before, ...apart, ...fresh, submitted_at: now, review_since }
    }
    case 'CLEAR':
      return {
        ...decided,
        refused_by_provider: false,
        document_expires_on: step.document_expires_on ?? null,
      }
    case 'APPROVE':
      return { ...decided, refused_by_provider: false }
    case 'REFUSED':
      return {
        ...decided,
        refused_by_provider: true,
        review_since: to === 'UNDER_REVIEW' ? now : null,
      }
    case 'REVIEW':
      return { ...before, ...apart, reason, review_since: before.review_since ?? now }
    case 'RESUBMIT':
    case 'REJECT':
    case 'EXPIRE':
      return decided
    default:
      return unreachable(event)
  }
}

type Told = { readonly to: KycStatus; readonly event: KycEvent; readonly reason: KycReason | null }

async function tell(tx: Tx, person_id: bigint, { to, event, reason }: Told): Promise<void> {
  if (event === 'CLEAR' || event === 'APPROVE')
    await tellPerson(tx, person_id, { kind: 'kyc_verified', reason: null })
  else if (event === 'RESUBMIT') await tellPerson(tx, person_id, { kind: 'kyc_resubmit', reason })
  else if (event === 'EXPIRE') await tellPerson(tx, person_id, { kind: 'kyc_expired', reason: null })
  else if (to === 'REJECTED') await tellPerson(tx, person_id, { kind: 'kyc_rejected', reason })
}
