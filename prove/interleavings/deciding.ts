import { approveBulk, rejectBulk, type Approver } from '../../src/bulk/approve.ts'
import { removeMember } from '../../src/identity/organization/members.ts'
import { sql, type Db } from '../../src/platform/db.ts'
import { withoutKey } from '../../src/platform/http/idempotency.ts'
import { purposeHandlers } from '../../src/wiring.ts'
import { ask, bulksOf, look, type UseCase } from './ask.ts'
import type { Scene, Told } from './scene.ts'
import type { Actor } from './stage.ts'

const approverOf = (scene: Scene, person_id: bigint): Approver => ({
  organization_id: scene.maker.organization_id,
  name: `person:${person_id}`,
  people: [person_id],
  person_id,
})

/** The first two race; the third decides on what they have left. */
const mine = ({ house }: Scene, actor: Actor): bigint =>
  house?.approvers[actor.name.endsWith('1') ? 0 : 1] ?? 0n

const listHashOf = async (scene: Scene, bulk_id: string): Promise<string> =>
  (
    await scene.db.one<{ list_hash: string }>(
      sql`select list_hash from bulk_batches where bulk_id = ${bulk_id}`,
    )
  ).list_hash

const approve = async (scene: Scene, db: Db, bulk_id: string, who: bigint): Promise<string> => {
  const list_hash = await look(scene, listHashOf(scene, bulk_id))
  await approveBulk(db, approverOf(scene, who), { bulk_id, list_hash, reason: null }, withoutKey)
  return 'approved'
}

const onFirstBulk = (
  name: string,
  act: (scene: Scene, db: Db, bulk_id: string, who: bigint) => Promise<string>,
): UseCase => ({
  name,
  run: async (scene, db, actor) => {
    const [bulk_id] = await look(scene, bulksOf(scene))
    if (bulk_id !== undefined)
      await ask(scene, actor, bulk_id, () => act(scene, db, bulk_id, mine(scene, actor)))
  },
})

const approving = onFirstBulk('approve', approve)

const rejecting = onFirstBulk('reject', async (scene, db, bulk_id, who) => {
  const list_hash = await look(scene, listHashOf(scene, bulk_id))
  const decision = { bulk_id, list_hash, reason: 'a test' }
  await rejectBulk(db, approverOf(scene, who), decision, purposeHandlers, withoutKey)
  return 'rejected'
})

/** Never granted, whatever else goes on. */
const approvingAsMaker = onFirstBulk('approve his own', (scene, db, bulk_id) =>
  approve(scene, db, bulk_id, scene.house?.maker ?? 0n),
)

const takingOut = onFirstBulk('take an approver out', async (scene, db) => {
  const { organization_id } = scene.maker
  const [person_id = 0n] = scene.house?.approvers ?? []
  await db.tx((tx) => removeMember(tx, 'prove', { organization_id, person_id }))
  return 'taken out'
})

export const decidingCases: readonly UseCase[] = [
  approving,
  approving,
  approving,
  rejecting,
  rejecting,
  approvingAsMaker,
  takingOut,
]

/** What still waits when everybody has gone home is approved: everything must come to its end. */
export async function approveTheRest(scene: Scene): Promise<void> {
  const who = scene.house?.approvers.at(-1)
  if (who === undefined) return
  const waiting = await scene.db.many<{ bulk_id: string }>(sql`
    select b.bulk_id from bulk_public_batches b where b.payer_account = ${scene.account_id} and b.awaiting_approval
    order by b.id`)
  for (const { bulk_id } of waiting) {
    const said = await approve(scene, scene.db, bulk_id, who)
    scene.told.push({ who: 'the last approver', use_case: 'approve', of: bulk_id, said })
  }
}

type Decided = {
  readonly bulk_id: string
  readonly state: string
  readonly batch: string
  readonly at_fault: boolean
}

/** One word on each batch, and it is the one that somebody was told. */
export async function decisions(scene: Scene, lie: (words: string) => void): Promise<void> {
  if (scene.house === undefined) return
  const stored = await scene.db.many<Decided>(sql`
    select b.bulk_id, a.state, b.state as batch, coalesce(a.decided_person_id = ${scene.house.maker}, false) as at_fault
    from bulk_public_batches b join bulk_approvals a on a.batch_id = b.id
    where b.payer_account = ${scene.account_id}`)
  for (const row of stored) {
    const told = scene.told.filter(({ of }) => of === row.bulk_id)
    const granted = told.filter(({ said }) => said === 'approved' || said === 'rejected')
    const words = granted.map(({ who, said }) => `${who}: ${said}`).join(', ')
    if (granted.length > 1) lie(`${row.bulk_id} was decided ${granted.length} times (${words})`)
    if (granted.some((one) => !agrees(one, row))) lie(`${row.bulk_id} is ${row.state}, and told ${words}`)
    if (row.at_fault) lie(`${row.bulk_id} was ${row.state} by who made it`)
    if (row.state === 'WAITING') lie(`${row.bulk_id} waits for ever`)
    if ((row.state === 'REJECTED' || row.state === 'CANCELLED') && row.batch !== 'CANCELLED')
      lie(`${row.bulk_id} was ${row.state} and is ${row.batch}`)
  }
}

const agrees = ({ said }: Told, { state }: Decided): boolean =>
  state === (said === 'approved' ? 'APPROVED' : 'REJECTED')
