import { record } from '../audit/index.ts'
import type { Db } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import type { Identity } from './identity.ts'
import { wantsSecondFactor, wantsStepUp, type Rule } from './matrix.ts'
import { personName } from './person.ts'
import { isGoodSecondFactor } from './second-factor.ts'
import { hasSecondFactor } from './sql/second-factors.ts'
import { markSteppedUp, type Signed } from './sql/sessions.ts'
import { countSecondFactor } from './throttle.ts'

/**
 * Shows the second factor again, on this session: for five minutes it counts for what is sensitive. Counted like the tries at
 * sign-in; a code is good once. Refuses SECOND_FACTOR_REQUIRED where there is none, SECOND_FACTOR_INVALID, TOO_MANY_REQUESTS.
 */
export async function stepUp(
  db: Db,
  identity: Identity,
  by: { readonly person_id: bigint; readonly session_id: string; readonly otp: string },
): Promise<void> {
  if (!(await hasSecondFactor(db, by.person_id))) throw new Refusal('SECOND_FACTOR_REQUIRED')
  const name = personName(by.person_id)
  const counted = await countSecondFactor(db, identity, name)
  // Not thrown inside: what is used up stays used up.
  const is_good = await db.tx(async (tx) => {
    const said = await isGoodSecondFactor(tx, identity, by)
    if (said) await markSteppedUp(tx, by.session_id)
    await record(tx, { actor: name, action: said ? 'step_up.succeeded' : 'step_up.failed', subject: name })
    return said
  })
  if (!is_good) throw new Refusal('SECOND_FACTOR_INVALID')
  await counted.succeeded()
}

/**
 * Whether somebody whose role allows it has shown as much as the action wants. The sandbox's people pass without a second
 * factor; who has one shows it there too. Refuses SECOND_FACTOR_REQUIRED and STEP_UP_REQUIRED.
 */
export function assertShown({ is_sandbox }: Identity, signed: Signed, rule: Rule): void {
  if (!signed.has_second_factor) {
    if (!is_sandbox && wantsSecondFactor(rule)) throw new Refusal('SECOND_FACTOR_REQUIRED')
    return
  }
  if (wantsStepUp(rule) && !signed.is_stepped_up) throw new Refusal('STEP_UP_REQUIRED')
}
