import type { CheckVerdict } from '../connectors/identity-check.ts'
import { lockKycFacts, personName, type KycFacts } from '../identity/index.ts'
import { record } from '../audit/index.ts'
import type { Tx } from '../platform/db.ts'
import { nextCheckState, type CheckEvent } from './check-state.ts'
import { decide } from './decide.ts'
import { sealFound } from './found.ts'
import type { CheckRules, Look, PursueDeps } from './look.ts'
import type { KycReason } from './reasons.ts'
import { endOfProof } from './proof.ts'
import * as q from './sql/checks.ts'
import { prepareCheck } from './submit.ts'

/** Writes what a look brought, by the table of the check's states, and decides about the person where it is final. */
export async function concludeLook(deps: PursueDeps, check_id: string, seen: Look): Promise<void> {
  const { db, log } = deps
  const said = await db.tx(async (tx) => {
    const found = await q.findCheck(tx, check_id)
    // The person first, as everywhere; the check's row was read for his number only.
    const person = found && (await lockKycFacts(tx, found.person_id))
    const check = found && (await q.lockCheck(tx, check_id))
    if (person === undefined || check === undefined) throw new Error(`${check_id} is not there`)
    return conclude(tx, deps, { check, person, seen: settled(seen, check, await tx.now(), deps.rules) })
  })
  const fields = { check_id, event: said.event, state: said.state, because: seen.because }
  if (seen.ours) log.error(fields, 'the provider of identity checks refuses us')
  else log.info(fields, 'an identity check was looked at')
}

/** What time makes of a look: «not found» counts after the provider's own delay, twice; what is too old is given up. */
function settled(seen: Look, check: q.CheckRow, now: Date, rules: CheckRules): Look {
  const age_s = (now.getTime() - (check.begun_at ?? check.created_at).getTime()) / 1_000
  const missing = seen.event === 'NOT_FOUND_YET' && age_s >= rules.not_found_after_s
  if (missing && check.state === 'UNCERTAIN' && check.not_found >= 1) return { ...seen, event: 'NOT_FOUND' }
  const total_s = (now.getTime() - check.created_at.getTime()) / 1_000
  const open = ['UNSENT', 'UNKNOWN', 'PENDING', 'PROVISIONAL', 'NOT_FOUND_YET'].includes(seen.event)
  if (open && total_s >= rules.review_after_s) return { ...seen, event: 'TOO_OLD', because: 'TOO_OLD' }
  return { ...seen, counts_as_not_found: missing }
}

type Facts = { readonly check: q.CheckRow; readonly person: KycFacts; readonly seen: Look }
type Concluded = { readonly event: CheckEvent; readonly state: string }

async function conclude(tx: Tx, deps: PursueDeps, facts: Facts): Promise<Concluded> {
  const { check, seen } = facts
  const { event } = seen
  const to = nextCheckState(check.state, event)
  if (to === undefined) return { event, state: check.state }
  const said = { event, state: to }
  if (to === 'DECIDED') {
    if (seen.verdict === undefined) throw new Error('a decision without a verdict')
    await decideByVerdict(tx, deps, { ...facts, verdict: seen.verdict })
  } else if (to === 'GIVEN_UP') await giveUp(tx, deps, facts)
  else {
    const not_found = check.not_found + (seen.counts_as_not_found ? 1 : 0)
    const { provider_job } = seen
    await q.waitOn(tx, check.id, { state: to, after_s: pause(deps.rules, check), provider_job, not_found })
  }
  if (to !== check.state) await trail(tx, check, said)
  return said
}

const trail = (tx: Tx, { id, person_id, provider }: q.CheckRow, { event, state }: Concluded): Promise<void> =>
  record(tx, {
    actor: `provider:${provider ?? 'none'}`,
    action: 'kyc.check.moved',
    subject: personName(person_id),
    detail: { check_id: id, event, state },
  })

/** `asked` counts this look too. */
const pause = ({ query_delays_s }: CheckRules, { asked }: q.CheckRow): number =>
  query_delays_s[Math.min(Math.max(asked, 1), query_delays_s.length) - 1] ?? 60

/** A check that ends without a verdict: another takes its place where the provider did not take it, or people look. */
async function giveUp(tx: Tx, deps: PursueDeps, { check, person, seen }: Facts): Promise<void> {
  await q.giveUp(tx, check.id, seen.because.slice(0, 100))
  if (seen.event === 'DROPPED') return
  const tries = seen.event === 'NOT_FOUND' || (seen.event === 'REFUSED' && seen.ours)
  if (tries && (await tryAgain(tx, deps, check))) return
  const reason = seen.event === 'REFUSED' && !seen.ours ? 'OTHER' : 'SERVICE_DOWN'
  await decide(tx, person, { event: 'REVIEW', by: providerOf(check), reason, check_id: check.id })
}

/** Under a new id: the provider has said that it has nothing under this one. False when it failed too often. */
async function tryAgain(tx: Tx, { rules }: PursueDeps, check: q.CheckRow): Promise<boolean> {
  const after_s = rules.retry_delays_s[check.attempt - 1]
  if (after_s === undefined) return false
  await prepareCheck(tx, check, { replaces: check, after_s })
  return true
}

const providerOf = ({ provider }: q.CheckRow): string => `provider:${provider ?? 'none'}`

async function decideByVerdict(
  tx: Tx,
  deps: PursueDeps,
  { check, person, verdict }: Facts & { readonly verdict: CheckVerdict },
): Promise<void> {
  const { code, provider_job, document } = verdict
  const now = await tx.now()
  const { outcome, reason } = meaningOf(verdict, now)
  await q.decideCheck(tx, check.id, {
    outcome,
    reason,
    code: code.slice(0, 100),
    provider_job,
    found: sealFound(deps.kyc.ring, check.id, document),
  })
  const by = providerOf(check)
  const check_id = check.id
  if (outcome === 'ERROR') {
    if (!(await tryAgain(tx, deps, check)))
      await decide(tx, person, { event: 'REVIEW', by, reason: 'SERVICE_DOWN', check_id })
    return
  }
  const document_expires_on = document.expires_on ?? undefined
  const expires_at = endOfProof(now, deps.kyc.rules.verified_years, document.expires_on)
  await decide(tx, person, {
    event: outcome,
    by,
    check_id,
    ...(outcome === 'CLEAR' ? { expires_at, document_expires_on } : { reason: reason as KycReason }),
  })
}

/** A document that has ended proves nothing, whatever the provider thinks of it. */
function meaningOf(
  { outcome, reason, document }: CheckVerdict,
  now: Date,
): { readonly outcome: CheckVerdict['outcome']; readonly reason: string } {
  if (outcome !== 'CLEAR') return { outcome, reason: reason === 'VERIFIED' ? 'OTHER' : reason }
  const { expires_on } = document
  if (expires_on !== null && expires_on < now.toISOString().slice(0, 10))
    return { outcome: 'RESUBMIT', reason: 'DOCUMENT_EXPIRED' }
  return { outcome, reason }
}
