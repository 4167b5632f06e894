import { peopleBehind, type Actor, type Ctx } from '../../platform/context.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Bulk } from '../batch.ts'
import type { Maker } from '../deps.ts'
import * as q from '../sql.ts'

/** The organisation that asks; its name stands in the trail. */
export const makerOf = (actor: Actor): Maker => {
  if (actor.kind !== 'organization') throw new Refusal('AUTHENTICATION_REQUIRED')
  const { organization_id, name } = actor
  return { organization_id, name, people: peopleBehind(actor) }
}

/** A batch of the caller's organisation; another one does not exist. */
export async function bulkOf({ db }: Ctx, actor: Actor, bulk_id: string): Promise<Bulk> {
  const bulk = await q.findBulk(db, makerOf(actor).organization_id, bulk_id)
  if (bulk === undefined) throw new Refusal('BULK_NOT_FOUND')
  return bulk
}
