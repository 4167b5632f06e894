import { setTimeout as pause } from 'node:timers/promises'
import { sql } from '../../src/platform/db.ts'
import type { Exit } from '../../test/harness/child.ts'
import { places, placeName, type Death } from './fates.ts'
import type { Member } from './members.ts'
import type { World } from './world.ts'

/** The processes that die, and those that stand in for them. */
export type Crew = {
  readonly world: World
  /** Those that are up now; a disaster may end any of them. */
  readonly alive: Set<Member>
  /** Those without a fate: whoever kills them starts them again. */
  readonly plain: Map<Member, 'api' | 'worker'>
  /** Those of them that are being started now. */
  readonly starting: Map<Member, Promise<void>>
  /** Called after each death. */
  readonly afterDeath: () => Promise<void>
  /** True when the campaign's time is over. */
  readonly isOver: () => boolean
}

/** A worker becomes the driver when the one before it has died and its lease is over. */
const DRIVES_MS = 30_000
/** How long a process may live beside its crash point before that counts as not reached. */
const REACHES_MS = 20_000
/** How long an API waits for its first list; when enough lines are open none comes. */
const SERVES_MS = 4_000
/** SIGTERM to exit; the product's own limit is 9.5 s. */
const ENDS_MS = 12_000
const MOST_STARTS = 12
const MOST_TRIES = 3

/** Two lanes of workers: one drives, the other is up already and takes over when it dies. */
export async function workersDie(crew: Crew, deck: Death[]): Promise<void> {
  const lane = async (): Promise<void> => {
    for (let death = deck.shift(); death !== undefined && !crew.isOver(); death = deck.shift())
      if (!(await live(crew, crew.world.openWorker(), 'worker', death))) deck.push(death)
  }
  await Promise.all([lane(), lane()])
}

/** One API after the other, on one port; at the end one that stays. */
export async function apisDie(crew: Crew, deck: Death[]): Promise<void> {
  const { world } = crew
  const stays = crew.alive.has(world.api)
  if (stays && deck.length === 0) return
  if (stays) await dismiss(crew, world.api)
  for (let death = deck.shift(); death !== undefined && !crew.isOver(); death = deck.shift())
    if (!(await live(crew, world.api, 'api', death))) deck.push(death)
  await startPlain(crew, world.api, 'api')
}

/** Starts it without a fate, again and again if need be. Throws when it never comes up. */
export function startPlain(crew: Crew, member: Member, who: 'api' | 'worker'): Promise<void> {
  crew.plain.set(member, who)
  const pending = crew.starting.get(member)
  if (pending !== undefined) return pending
  const started = startAgain(crew, member, who).finally(() => crew.starting.delete(member))
  crew.starting.set(member, started)
  return started
}

/** After a disaster: those without a fate are up again when it resolves. */
export async function raisePlain(crew: Crew): Promise<void> {
  for (const [member, who] of crew.plain) while (await hasEnded(member)) await startPlain(crew, member, who)
}

/** Whoever was just killed has a moment to be gone. */
const hasEnded = (member: Member): Promise<boolean> =>
  Promise.race([member.running().exited.then(() => true), pause(200).then(() => false)])

async function startAgain(crew: Crew, member: Member, who: 'api' | 'worker'): Promise<void> {
  for (let i = 0; i < MOST_STARTS; i++) {
    if ((await launch(crew, member, who)) === 'ready') return
    await pause(200)
  }
  throw new Error(`the ${who} does not start: ${member.running().stderr().slice(-2_000)}`)
}

/** SIGKILL and the wait for it, for one that is no longer needed. */
export async function dismiss(crew: Crew, member: Member): Promise<void> {
  crew.alive.delete(member)
  crew.plain.delete(member)
  await member.kill()
}

async function launch(
  crew: Crew,
  member: Member,
  who: 'api' | 'worker',
  crash_at?: string,
): Promise<'ready' | 'crashed' | 'failed'> {
  const { world, alive } = crew
  alive.add(member)
  const up = await member.start(crash_at === undefined ? {} : { CAURI_CRASH_AT: crash_at }).then(
    () => true,
    () => false,
  )
  if (up) return 'ready'
  // Past its time, or ended: by its crash point, by a disaster, or because it cannot start under this weather.
  member.running().kill('SIGKILL')
  const exit = await member.running().exited
  alive.delete(member)
  if (exit.signal === 'SIGKILL') return 'crashed'
  if (world.weather === 'calm' && world.postgresAway === 0)
    world.tally.blame(`the ${who} did not start: ${member.running().stderr().slice(-500)}`)
  world.tally.add('starts that failed', 1)
  return 'failed'
}

/** One life from its start to its death. Answers false when it ended another way and is to be lived again. */
async function live(crew: Crew, member: Member, who: 'api' | 'worker', death: Death): Promise<boolean> {
  const { world, alive } = crew
  const armed = death.kind === 'point' ? `${death.name}:${death.n}` : undefined
  let started = await launch(crew, member, who, armed)
  for (let i = 0; started === 'failed' && i < MOST_STARTS && !crew.isOver(); i++) {
    await pause(100)
    started = await launch(crew, member, who, armed)
  }
  const weather = world.weather
  const done = started === 'failed' ? false : await die(crew, member, who, death)
  const exit = await endOf(crew, member, who, death)
  alive.delete(member)
  const said = /^crash point (\S+)$/m.exec(member.running().stderr())?.[1]
  if (exit?.signal === 'SIGKILL') world.tally.add('kills', 1)
  if (said !== undefined) {
    world.tally.cover(placeName(said as Parameters<typeof placeName>[0], weather))
    world.tally.count(`${who}: killed itself at a crash point`)
  } else if (exit?.signal === 'SIGKILL') world.tally.count(`${who}: killed from outside`)
  await crew.afterDeath()
  if (death.kind === 'point' ? said !== undefined : done) return true
  // Not reached in time, or something else ended it: once more, but not for ever.
  death.tries += 1
  return death.tries >= MOST_TRIES || crew.isOver()
}

/** Waits until it has ended; the one that is told to end must do so in time. */
async function endOf(crew: Crew, member: Member, who: string, death: Death): Promise<Exit | undefined> {
  const { tally, weather } = crew.world
  const process = member.running()
  const late = pause(ENDS_MS).then(() => undefined)
  const exit = await Promise.race([process.exited, late])
  if (exit === undefined) {
    tally.blame(`stuck: the ${who} did not end within ${ENDS_MS} ms (${death.kind})`)
    process.kill('SIGKILL')
    return process.exited
  }
  const by_itself = exit.signal === null && death.kind !== 'stop'
  const quiet = weather === 'calm' && crew.world.postgresAway === 0
  const unclean = quiet && death.kind === 'stop' && exit.signal === null && exit.code !== 0
  if ((by_itself && quiet && !placesStop(death)) || unclean)
    tally.blame(`the ${who} ended with ${exit.code} (${death.kind}): ${process.stderr().slice(-800)}`)
  return exit
}

const placesStop = (death: Death): boolean => death.kind === 'point' && places[death.name].stop === true

/** Does to a living process what it was born for. Answers whether that could be done. */
async function die(crew: Crew, member: Member, who: 'api' | 'worker', death: Death): Promise<boolean> {
  const { world } = crew
  const process = member.running()
  if (who === 'api') await serves(world, member)
  const works = who === 'api' || death.kind === 'point' || (await drives(world, member, DRIVES_MS))
  switch (death.kind) {
    case 'point':
      return reach(world, member, who, death)
    case 'kill':
      await pause(death.after_ms)
      process.kill('SIGKILL')
      return works
    case 'stop':
      await pause(death.after_ms)
      process.kill('SIGTERM')
      world.tally.count(`${who}: told to stop`)
      return works
    case 'freeze': {
      await pause(death.after_ms)
      const before = await tokenOf(world)
      process.kill('SIGSTOP')
      await pause(death.leases * world.lease_s * 1_000)
      const taken = (await tokenOf(world)) > before && before > 0n
      process.kill('SIGCONT')
      world.tally.count(taken && who === 'worker' ? 'worker: frozen past its lease' : `${who}: frozen`)
      await pause(500)
      process.kill('SIGKILL')
      return works
    }
  }
}

/** Keeps going what its crash point needs until it has died there, or its time is over. */
async function reach(
  world: World,
  member: Member,
  who: 'api' | 'worker',
  death: Extract<Death, { kind: 'point' }>,
): Promise<boolean> {
  const { want, stop } = places[death.name]
  const process = member.running()
  let over = false
  void process.exited.then(() => (over = true))
  const waits = world.wants
  if (want !== undefined) waits.push(want)
  let drives_since = who === 'api' ? performance.now() : undefined
  const born = performance.now()
  let told = false
  while (!over) {
    await pause(40)
    const now = performance.now()
    if (drives_since === undefined && (await isDriving(world, member))) drives_since = now
    if (drives_since !== undefined && stop === true && !told && now - drives_since > 400) {
      process.kill('SIGTERM')
      told = true
    }
    if (
      (drives_since !== undefined && now - drives_since > REACHES_MS) ||
      now - born > DRIVES_MS + REACHES_MS
    )
      process.kill('SIGKILL')
  }
  if (want !== undefined) waits.splice(waits.indexOf(want), 1)
  return true
}

/** An API takes a list or two before it dies, else there would be nothing to pay for the others. */
async function serves({ accepted }: World, member: Member): Promise<void> {
  const process = member.running()
  let over = false
  void process.exited.then(() => (over = true))
  const before = accepted.size
  for (const end = performance.now() + SERVES_MS; !over && performance.now() < end; await pause(40))
    if (accepted.size > before) return
}

async function drives(world: World, member: Member, deadline_ms: number): Promise<boolean> {
  for (const end = performance.now() + deadline_ms; performance.now() < end; await pause(40))
    if (await isDriving(world, member)) return true
  return false
}

const driverOf = ({ db }: World): Promise<{ worker: string | null; token: bigint } | undefined> =>
  db
    .maybeOne<{
      worker: string | null
      token: bigint
    }>(
      sql`select case when lease_until > clock_timestamp() then worker end as worker, token from payments_connections`,
    )
    .catch(() => undefined) // the database may be away

const isDriving = async (world: World, member: Member): Promise<boolean> =>
  (await driverOf(world))?.worker?.split(':')[1] === String(member.pid())

const tokenOf = async (world: World): Promise<bigint> => (await driverOf(world))?.token ?? 0n
