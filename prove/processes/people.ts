import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { purposeHandlers } from '../../src/app.ts'
import { confirmReview, proposeReview } from '../../src/payments/index.ts'
import { sql } from '../../src/platform/db.ts'
import { spawnNode } from '../../test/harness/child.ts'
import type { Paid } from '../../test/harness/payments.ts'
import { placeName, type Death } from './fates.ts'
import { CLI } from './members.ts'
import type { World } from './world.ts'

const MOST = 1_000
const TRIES = 10

type Review = {
  readonly batch_id: bigint
  readonly seq: number
  readonly name: string
  readonly party: string
}

/** Lines before people: where the outside world never says anything, or nobody may send again. */
const reviewsOf = ({ db }: World): Promise<Review[]> =>
  db.many(sql`
    select l.batch_id, l.seq, b.bulk_id || '/' || l.transfer_id as name, l.party_identifier as party
    from payments_pursuits p
    join payments_lines l on l.batch_id = p.batch_id and l.seq = p.seq
    join bulk_batches b on b.id = l.batch_id
    where p.state = 'REVIEW' order by p.id limit ${MOST}`)

/** Two people close a line by the command line, and the second one's process dies at its crash point. */
export async function peopleDie(
  world: World,
  deck: readonly Death[],
  paid: ReadonlyMap<string, readonly Paid[]>,
): Promise<void> {
  for (const death of deck) {
    const [line] = await reviewsOf(world)
    if (line === undefined || death.kind !== 'point') return
    const file = join(world.home, 'statement.txt')
    writeFileSync(file, 'what the rail’s statement says\n')
    const as = paid.has(line.party) ? 'paid' : 'refused'
    const review = ['payments', 'review']
    await run(world, [...review, 'close', line.name, '--as', as, '--evidence', file, '--by', 'Ama'])
    const died = await run(
      world,
      [...review, 'confirm', line.name, '--by', 'Kofi'],
      `${death.name}:${death.n}`,
    )
    if (died) {
      world.tally.cover(placeName(death.name, world.weather))
      world.tally.count('people: killed at a crash point')
      world.tally.add('kills', 1)
    }
    await run(world, [...review, 'confirm', line.name, '--by', 'Kofi'])
  }
}

/** Runs the command until it succeeds or dies of its crash point; answers whether it died. */
async function run(world: World, args: readonly string[], crash_at?: string): Promise<boolean> {
  let said = ''
  for (let i = 0; i < TRIES; i++) {
    const env = { ...world.cliEnv(), ...(crash_at === undefined ? {} : { CAURI_CRASH_AT: crash_at }) }
    const command = spawnNode(CLI, { args, env })
    const exit = await command.exited
    said = command.stderr()
    if (/^crash point /m.test(said)) return true
    // Confirmed already: the answer of the first time was lost.
    if (exit.code === 0 || /REVIEW_(WRONG_STATE|NOT_FOUND)|WRONG_STATE/.test(said)) return false
  }
  world.tally.blame(`the command line does not manage ${args.join(' ')}: ${said.slice(-300)}`)
  return false
}

/** Two people close everything that is left, by what the outside world's log says. Answers how many lines. */
export async function closeReviews(
  world: World,
  paid: ReadonlyMap<string, readonly Paid[]>,
): Promise<number> {
  const { db } = world
  let closed = 0
  for (;;) {
    const lines = await reviewsOf(world)
    if (lines.length === 0) return closed
    for (const { batch_id, seq, party } of lines) {
      const outcome = paid.has(party) ? 'PAID' : 'REFUSED'
      const evidence = { evidence_name: 'statement.txt', evidence: Buffer.from('the rail’s statement') }
      await db.tx((tx) => proposeReview(tx, { batch_id, seq, outcome, by: 'Ama', ...evidence }))
      await db.tx((tx) => confirmReview(tx, { batch_id, seq }, 'Kofi', purposeHandlers))
      closed += 1
    }
  }
}
