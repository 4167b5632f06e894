import { CommitUnknown, sql, type Db } from '../../src/platform/db.ts'
import { Refusal } from '../../src/platform/errors.ts'
import type { Scene } from './scene.ts'
import type { Actor } from './stage.ts'

export type UseCase = {
  readonly name: string
  /** See `Actor.closed`. */
  readonly closed?: true
  /** It needs lines that were worked on: the schedule begins with a worker alone. */
  readonly later?: true
  readonly run: (scene: Scene, db: Db, actor: Actor) => Promise<void>
}

/** Asks, and writes down what was answered: a value's words, or the code of the refusal. */
export async function ask(
  scene: Scene,
  actor: Actor,
  of: string,
  work: () => Promise<string>,
  amount?: bigint,
): Promise<string> {
  const said = await work().catch((error: unknown) => {
    if (error instanceof Refusal) return `refused ${error.code}`
    if (error instanceof CommitUnknown) return 'not known'
    throw error
  })
  const more = amount === undefined ? {} : { amount }
  scene.told.push({ who: actor.name, use_case: actor.use_case, of, said, ...more })
  return said
}

export type Line = { batch_id: bigint; seq: number }

/** Known to a person who looks at a screen, without being a step of the schedule. */
export const bulksOf = async (scene: Scene): Promise<string[]> =>
  (
    await scene.db.many<{ bulk_id: string }>(sql`
      select b.bulk_id from bulk_batches b join payments_accounts a on a.id = b.account_id
      where a.account_id = ${scene.account_id} order by b.id`)
  ).map((row) => row.bulk_id)

export const linesIn = (scene: Scene, state: string): Promise<(Line & { party_identifier: string })[]> =>
  scene.db.many(sql`
    select l.batch_id, l.seq, l.party_identifier from payments_lines l join payments_batches b on b.id = l.batch_id
    where b.connection_id = ${scene.settings.id} and l.state = ${state} order by l.batch_id, l.seq`)

/** How many lines were claimed for the first time so far. */
export const claimedIn = async (scene: Scene): Promise<string> =>
  String(
    (
      await scene.db.one<{ n: bigint }>(sql`
        select coalesce(sum(next_seq - 1), 0)::bigint as n from payments_batches where connection_id = ${scene.settings.id}`)
    ).n,
  )

/** Looks at the screen: whatever that takes, it is not a statement of ours. */
export async function look<T>(scene: Scene, work: Promise<T>): Promise<T> {
  const done = scene.stage.outside()
  return work.finally(done)
}
