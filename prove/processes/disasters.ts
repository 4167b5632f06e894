import { setTimeout as pause } from 'node:timers/promises'
import { sql } from '../../src/platform/db.ts'
import { isPostmaster, readPostmaster } from '../../src/platform/postgres/postmaster.ts'
import { join } from 'node:path'
import { until } from '../../test/harness/wait.ts'
import { raisePlain, type Crew } from './crew.ts'
import { blow, harvest } from './weather.ts'
import type { World } from './world.ts'

/** What befalls everybody at once, in the middle of whatever goes on. */
export type Disaster =
  'postmaster' | 'backend' | 'simulators' | 'all processes' | 'database down' | 'rail down'

const BACK_MS = 60_000

/** Deals the disasters of a campaign: PostgreSQL dies as often as asked, the others now and then. */
export function dealDisasters(kills: number, postgres_kills: number, random: () => number): Disaster[] {
  const others: Disaster[] = ['simulators', 'all processes', 'database down', 'rail down']
  const few = Math.ceil(kills / 40)
  return [
    ...Array.from({ length: postgres_kills }, (): Disaster => (random() < 0.6 ? 'postmaster' : 'backend')),
    ...others.flatMap((kind) => Array.from({ length: few }, () => kind)),
  ]
}

/** Whether it may strike now: links fail only under their weather, and a quote does not outlive the rail's process. */
export const isDue = (disaster: Disaster, { weather, mode }: World): boolean =>
  disaster === 'database down' || disaster === 'rail down'
    ? weather === 'links'
    : disaster !== 'simulators' || mode !== 'two-phase'

export async function strike(crew: Crew, disaster: Disaster, random: () => number): Promise<void> {
  const { world, alive } = crew
  const { tally, proxies, outside } = world
  switch (disaster) {
    case 'postmaster':
      return killPostgres(world, postmasterPid(world), 'postgres: postmaster killed')
    case 'backend':
      return killPostgres(world, await backendPid(world, random), 'postgres: backend killed')
    case 'simulators': {
      await harvest(world)
      await outside.kill()
      tally.count('rail: killed')
      tally.add('kills', 1)
      await outside.start()
      return blow(world)
    }
    case 'all processes':
      for (const member of alive) member.running().kill('SIGKILL')
      tally.count('all processes killed at once')
      return raisePlain(crew)
    case 'database down':
    case 'rail down': {
      const down = disaster === 'rail down' ? [proxies.rail] : [proxies.db_worker, proxies.db_api]
      for (const proxy of down) proxy.setDown(true)
      await pause(500 + random() * 1_500)
      for (const proxy of down) proxy.setDown(false)
      return
    }
  }
}

function postmasterPid({ home }: World): number {
  const data = join(home, 'postgres/data')
  const found = readPostmaster(data)
  return found && isPostmaster(found.pid, data) ? found.pid : 0
}

/** One of the product's own sessions: when it dies PostgreSQL ends all of them and recovers. 0 when none comes. */
async function backendPid({ db }: World, random: () => number): Promise<number> {
  const sessions = (): Promise<{ pid: number }[]> =>
    db
      .many<{ pid: number }>(sql`select pid from pg_stat_activity where application_name = 'cauri'`)
      .catch(() => [])
  for (let i = 0; i < 200; i++) {
    const rows = await sessions()
    const one = rows[Math.floor(random() * rows.length)]
    if (one !== undefined) return one.pid
    await pause(50) // everybody has just died
  }
  return 0
}

/** False when it has ended by itself since it was looked up, as the sessions of whoever dies do. */
function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}

/** SIGKILL, and the wait until it serves again: the embedded server is started again by whoever holds its handle. */
async function killPostgres(world: World, pid: number, kind: string): Promise<void> {
  if (pid === 0 || !kill(pid)) return
  world.postgresAway += 1
  world.tally.count(kind)
  world.tally.add('postgres kills', 1)
  await pause(50)
  try {
    await until(
      'PostgreSQL serves again',
      () =>
        world.db.run(sql`select`).then(
          () => true,
          () => false,
        ),
      BACK_MS,
    )
  } finally {
    // Processes that were starting meanwhile still hear of it for a while.
    setTimeout(() => (world.postgresAway -= 1), 10_000).unref()
  }
}
