import type { Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { ruleOf, type Action, type MemberRole } from './matrix.ts'
import { lockRoles } from './sql/members.ts'

/**
 * Whether a member may do this at this moment, in the transaction that does it: what decides over money is not left to what was
 * read when the call came in. Refuses NOT_ALLOWED.
 */
export async function assertStillMay(
  tx: Tx,
  member: { readonly organization_id: bigint; readonly person_id: bigint },
  action: Action,
): Promise<void> {
  const rule = ruleOf(action)
  if (rule?.of !== 'organization') throw new Error(`${action} is not what a member does`)
  const allowed: readonly MemberRole[] = rule.roles
  const held = await lockRoles(tx, member)
  if (!held.some((role) => allowed.includes(role))) throw new Refusal('NOT_ALLOWED')
}
