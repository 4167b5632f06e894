import { openDatabase } from './database.ts'
import { watchEnding } from './ending.ts'
import { openFaults, type Fault } from './faults.ts'
import { judge, type Wrong } from './judge.ts'
import { openLinks } from './link.ts'
import { startProcess } from './machine.ts'
import { newConnectionRow } from './memory/new-rows.ts'
import { openMemoryStore, openStatements } from './memory/store.ts'
import { openTables } from './memory/tables.ts'
import { openOutside } from './outside.ts'
import { openPeople } from './people.ts'
import { drawPlan, type World } from './plan.ts'
import { withPoison } from './poison.ts'
import { openRandom } from './random.ts'
import { openReferee, type Referee } from './referee.ts'
import { openTime } from './time.ts'
import { troubles } from './troubles.ts'
import { openWorkers, wakeAll, type Given } from './workers.ts'

export type Run = {
  readonly seed: number
  readonly hash: number
  readonly events: number
  readonly lines: number
  readonly nature: string
  readonly struck: ReadonlyMap<Fault, number>
  readonly covered: ReadonlyMap<string, number>
  readonly wrong: readonly Wrong[]
}

const DAY_MS = 86_400_000

/** Builds the world of a seed and lets it happen: faults first, then time enough for everything to end. */
export async function simulate(seed: number, tell?: (line: string) => void): Promise<Run> {
  const world = openWorld(seed, tell)
  const { time, random, faults, tables, plan } = world
  const referee = openReferee(world, withPoison(world, openStatements(tables, time.now)))
  const { wrong, statements, fences } = referee
  const ending = watchEnding(tables, time.now)
  const committed = (): void => {
    ending.committed()
    referee.committed()
  }
  const database = openDatabase({ ...world, begun: fences.begun, committed })
  const outside = openOutside(world)
  const links = openLinks({ ...world, outside, referee })
  const given = givenBy(referee)
  const workers = openWorkers({ ...world, given, database, links })
  const quiet_at = random.between(6_000, 25_000)
  const db = database.connect(startProcess(time, 'people'))
  const wake = (): void => wakeAll(workers)
  const people = openPeople({ ...world, ...given, outside, statements, db, quiet_at, wake })
  troubles({ ...world, database, outside, workers, quiet_at })
  time.after(quiet_at, 'quiet', () => faults.end())

  await time.run(DAY_MS, () => {
    if (wrong.length > 0) return true
    if (time.now() < quiet_at || !people.done() || links.underway() + outside.coming() > 0) return false
    return ending.isReached()
  })
  if (wrong.length === 0) wrong.push(...judge(tables, outside, referee.told, people.closed))
  return {
    seed,
    hash: time.hash(),
    events: time.events(),
    lines: [...tables.batches.values()].reduce((n, batch) => n + batch.total, 0),
    nature: plan.stepwise ? `${plan.nature}, stepwise` : plan.nature,
    struck: faults.struck,
    covered: referee.covered,
    wrong,
  }
}

/** The world of a seed before anything is in it but a connection. */
function openWorld(seed: number, tell?: (line: string) => void): World {
  const random = openRandom(seed)
  const time = openTime(random)
  const plan = drawPlan(random)
  const faults = openFaults(random, plan.never)
  const tables = openTables()
  tables.connections.set(plan.settings.id, newConnectionRow(plan.settings.id))
  const say = tell && ((what: string): void => tell(`${time.now().toFixed(0).padStart(7)}  ${what}`))
  return { random, time, plan, faults, tables, say }
}

/** What the product's code runs on. */
function givenBy({ statements, handler, log }: Referee): Given {
  let ids = 0
  const ports = { store: openMemoryStore(statements), newId: () => `id-${++ids}` }
  return { ports, handlers: { BULK_LINE: handler }, log }
}
