import type { CheckState as ProviderState, IdentityCheck, Submitted } from '../connectors/identity-check.ts'
import { unreachable } from '../platform/errors.ts'
import type { CheckEvent } from './check-state.ts'
import { jobOf, loadImages } from './check-job.ts'
import { concludeLook } from './conclude.ts'
import type { Look, PursueDeps } from './look.ts'
import * as q from './sql/checks.ts'

const look = (event: CheckEvent, because: string, more: Partial<Look> = {}): Look => ({
  event,
  because,
  provider_job: null,
  ours: false,
  counts_as_not_found: false,
  ...more,
})

/**
 * One look at a check that is due: hands it over, or asks what became of it. The row says UNCERTAIN before the first call and is
 * taken by one worker at a time, so that it is handed over once; what is asked may be asked twice. Nothing happens for one that is not
 * due or has ended.
 */
export async function pursueCheck(deps: PursueDeps, check_id: string): Promise<void> {
  const { db, provider, rules } = deps
  if (provider === undefined) return
  const claim = { provider: provider.provider, claim_s: rules.claim_s }
  const check = await db.tx((tx) => q.claimCheck(tx, check_id, claim))
  if (check === undefined) return
  const seen = await callProvider(deps, provider, check)
  await concludeLook(deps, check_id, seen)
}

async function callProvider(
  { db, kyc, log, callback_url, policy_url }: PursueDeps,
  provider: IdentityCheck,
  check: q.CheckRow & { readonly was: q.CheckRow['state'] },
): Promise<Look> {
  if (check.provider !== provider.provider) return look('UNKNOWN', `handed over to ${check.provider}`)
  const user_id = kyc.providerUser(check.person_id)
  if (check.was !== 'PREPARED') {
    const provider_job = check.provider_job ?? check.hinted_job
    return answered(await provider.ask({ job_id: check.id, user_id, provider_job }))
  }
  const images = await loadImages(db, kyc, check).catch((err: unknown) => {
    // The store may be away for a while; nothing has left, so the check stays as it was.
    log.error({ err, check_id: check.id }, 'the images of a check cannot be read')
    return undefined
  })
  if (images === undefined) return look('UNSENT', 'IMAGES_UNREADABLE')
  const job = await jobOf(db, check, { user_id, images, callback_url, policy_url })
  return job === undefined ? look('DROPPED', 'PERSON_GONE') : submitted(await provider.submit(job))
}

function submitted(said: Submitted): Look {
  switch (said.kind) {
    case 'accepted':
      return look('ACCEPTED', 'ACCEPTED', { provider_job: said.provider_job })
    case 'refused':
      return look('REFUSED', said.code, { ours: said.ours })
    case 'unsent':
      return look('UNSENT', 'UNSENT')
    case 'unknown':
      return look('UNKNOWN', 'UNKNOWN')
    default:
      return unreachable(said)
  }
}

function answered(said: ProviderState): Look {
  switch (said.kind) {
    case 'pending':
      return look('PENDING', 'PENDING')
    case 'not_found':
      return look('NOT_FOUND_YET', 'NOT_FOUND')
    case 'unknown':
      return look('UNKNOWN', 'UNKNOWN')
    case 'decided': {
      const { verdict } = said
      const { provider_job, code } = verdict
      return look(verdict.is_final ? 'DECIDED' : 'PROVISIONAL', code, { provider_job, verdict })
    }
    default:
      return unreachable(said)
  }
}

const AT_ONCE = 50

/** Looks at every check that is due: what no job told of is found here. One that fails does not hold up the others. */
export async function sweepChecks(deps: PursueDeps): Promise<number> {
  const due = deps.provider === undefined ? [] : await q.listDue(deps.db, AT_ONCE)
  for (const { id } of due)
    await pursueCheck(deps, id).catch((err: unknown) =>
      deps.log.error({ err, check_id: id }, 'a check could not be looked at'),
    )
  return due.length
}
