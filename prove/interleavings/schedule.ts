import { resumeConnection } from '../../src/payments/index.ts'
import { sql } from '../../src/platform/db.ts'
import { claimedIn, type UseCase } from './ask.ts'
import type { Control } from './control.ts'
import { approveTheRest, decidingCases } from './deciding.ts'
import type { GatedDb } from './gated-db.ts'
import { judge, type Findings } from './history.ts'
import { openRandom, type Random } from './random.ts'
import { openScene, send, type Scene } from './scene.ts'
import { play, type Played, type Twists } from './scheduler.ts'
import { openStage, type Actor } from './stage.ts'
import { useCases, worker } from './use-cases.ts'
import { workerOf } from './worker.ts'

/** The database as the schedules need it: one gated pool for each actor at once, one session for the scheduler. */
export type Site = {
  readonly control: Control
  readonly slots: GatedDb[]
  /** Makes a new pool where a killed process had its own. */
  readonly reopen: (slot: number) => Promise<void>
  readonly db: GatedDb['db']
  readonly folder: string
}

export type Ran = Played & {
  readonly use_cases: readonly string[]
  readonly lost_commits: number
  readonly payments: number
  readonly findings: Findings
}

const QUIET: Twists = {
  burst: 0.5,
  freeze: undefined,
  kill: undefined,
  hurry: 0.1,
  leap: { chance: 0, ms: 0 },
}
const DEADLINE_MS = 60_000
const MOST_STEPS = 3_000

/** One schedule: made by its seed alone, and by whether batches wait there for a second person. Throws when it hangs. */
export async function runSchedule(site: Site, seed: number, n: number, deciding = false): Promise<Ran> {
  const random = openRandom(seed)
  const stage = openStage()
  const scene = await openScene(site.db, stage, random, { n, folder: site.folder, deciding })
  await firstList(scene)
  const cast = castOf(random, deciding)
  const actors = new Map<Actor, number>()
  const enter = (use_case: UseCase, slot: number): Actor => {
    const same = stage.actors.filter((actor) => actor.use_case === use_case.name).length
    const actor = stage.enter(`${use_case.name} ${same + 1}`, use_case.name, use_case.closed === true)
    actors.set(actor, slot)
    site.slots[slot]?.assign(stage, actor)
    return actor
  }
  const failures: string[] = []
  const start = (actor: Actor, work: (db: GatedDb['db']) => Promise<void>): void => {
    const db = site.slots[actors.get(actor) ?? 0]?.db
    if (db === undefined) throw new Error('no slot')
    work(db)
      .catch((error: unknown) => {
        if (!actor.dead) failures.push(`${actor.name}: ${wordsOf(error)}`)
      })
      .finally(() => (actor.done = true))
  }
  const kill = async (actor: Actor): Promise<void> => {
    actor.dead = true
    const slot = actors.get(actor) ?? 0
    await site.control.terminate(site.slots[slot]?.cut() ?? [])
    await site.reopen(slot)
  }
  const common = { stage, control: site.control, random, kill, deadline_ms: DEADLINE_MS, most: MOST_STEPS }

  if (cast.some((use_case) => use_case.later)) {
    const first = enter({ ...worker, name: 'worker before' }, 0)
    start(first, (db) => worker.run(scene, db, first))
    await play({ ...common, twists: QUIET })
  }
  const before = stage.actors.length
  // A worker needs some twenty steps to send its first order: the others must not all be done by then.
  const cast_actors = cast.map((use_case, slot) => ({ use_case, actor: enter(use_case, slot) }))
  for (const { actor } of cast_actors) actor.begins_at = random.chance(0.4) ? 0 : random.below(60)
  const twists = twistsOf(random, before, cast)
  const commits = random.chance(0.25) ? { slot: random.below(cast.length), nth: random.below(5) } : undefined
  if (commits !== undefined) site.slots[commits.slot]?.loseCommit(commits.nth)
  for (const { use_case, actor } of cast_actors) start(actor, (db) => use_case.run(scene, db, actor))
  const played = await play({ ...common, twists })
  const lost_commits = cast.reduce((sum, _, slot) => sum + (site.slots[slot]?.lost() ?? 0), 0)

  await letAllGoOn(scene)
  const last = enter({ ...worker, name: 'worker after' }, 0)
  start(last, (db) => workToTheEnd(scene, db, last))
  await play({ ...common, twists: QUIET })
  if (failures.length > 0)
    throw new Error(`a use case broke: ${failures.join('; ')}\n${played.trace.join('\n')}`)
  const findings = await judge(scene)
  return {
    ...played,
    use_cases: cast.map((one) => one.name),
    lost_commits,
    payments: scene.outside.paid.length,
    findings,
  }
}

/** What was stopped, and what still waits for a second person. */
const letAllGoOn = (scene: Scene): Promise<void> => letGoOn(scene).then(() => approveTheRest(scene))

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

async function firstList(scene: Scene): Promise<void> {
  const [list] = scene.lists
  if (list === undefined) throw new Error('no list')
  const said = await send(scene, scene.db, list)
  scene.told.push({ who: 'somebody', use_case: 'first list', of: list.name, said })
}

/** Mostly a worker, and one to three others; often two of the same kind, who race. */
function castOf(random: Random, deciding: boolean): UseCase[] {
  const cast: UseCase[] = random.chance(0.85) ? [worker] : []
  const others = 1 + random.below(3)
  while (cast.length < others + 1) {
    const one = random.pick(deciding && random.chance(0.75) ? decidingCases : useCases)
    cast.push(one)
    if (random.chance(0.35)) cast.push(one)
  }
  return cast.slice(0, SLOTS)
}
export const SLOTS = 5

function twistsOf(random: Random, before: number, cast: readonly UseCase[]): Twists {
  const someone = (of: readonly number[]): { actor: number; at: number } | undefined =>
    of.length === 0 ? undefined : { actor: before + random.pick(of), at: 1 + random.below(25) }
  const all = cast.map((_, i) => i)
  const workers = all.filter((i) => cast[i]?.name === worker.name)
  return {
    burst: random.pick([0, 0.5, 0.8]),
    freeze: random.chance(0.4) ? someone(all) : undefined,
    kill: random.chance(0.2) ? someone(workers) : undefined,
    hurry: random.pick([0.05, 0.15, 0.3]),
    leap: { chance: random.chance(0.4) ? 0.02 : 0, ms: 16_000 },
  }
}

/** The operator's word, and everybody resumed: from here on everything must come to its end. */
async function letGoOn(scene: Scene): Promise<void> {
  const { db, settings } = scene
  scene.told.push({
    who: 'an operator',
    use_case: 'let go on',
    of: settings.id,
    said: await claimedIn(scene),
  })
  await db.tx((tx) => resumeConnection(tx, settings.id, true))
  await db.run(sql`
    update payments_batches set paused = false, pause_reason = null where connection_id = ${settings.id} and paused`)
}

/** Works until every line is final or before people; gives up after a virtual quarter of an hour. */
async function workToTheEnd(scene: Scene, db: GatedDb['db'], actor: Actor): Promise<void> {
  const clock = scene.stage.clockOf(actor)
  const last = workerOf(scene, db, actor)
  last.start()
  for (let i = 0; i < 700; i++) {
    await clock.sleep(1_300)
    const seen = scene.stage.outside()
    const { open } = await scene.db
      .one<{ open: bigint }>(
        sql`
        select count(*) as open from payments_lines l join payments_batches b on b.id = l.batch_id
        where b.connection_id = ${scene.settings.id} and l.state in ('NEW', 'RETRY', 'UNCERTAIN')`,
      )
      .finally(seen)
    if (open === 0n) break
  }
  await last.stop(7_000)
}
