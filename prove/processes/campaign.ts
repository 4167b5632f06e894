import { setTimeout as pause } from 'node:timers/promises'
import { crashPoints } from '../../src/platform/crash-point.ts'
import { checkAll } from '../../src/integrity/index.ts'
import type { Campaign, CampaignOptions, Result } from '../result.ts'
import { startAdapter } from './adapter.ts'
import { apisDie, dismiss, startPlain, workersDie, type Crew } from './crew.ts'
import { dealDisasters, isDue, strike, type Disaster } from './disasters.ts'
import { allPlaces, deal, placeName, shuffle, type Block } from './fates.ts'
import { judgeRun, letADayPass, settleDown } from './finish.ts'
import { byPayee } from './judge.ts'
import { closeReviews, peopleDie } from './people.ts'
import { startTraffic, type Traffic } from './traffic.ts'
import { harvest, setWeather } from './weather.ts'
import { openWorld, type World } from './world.ts'

/**
 * Tier 3: the product as it runs on a site, each role a process, with crash points, kills and links that fail. `runs` is
 * the number of process kills; `postgres_kills` come on top.
 */
export const processesWith =
  ({ postgres_kills }: { readonly postgres_kills: number }): Campaign =>
  async (options) => {
    const world = await openWorld(options)
    try {
      return await run(world, options, postgres_kills)
    } finally {
      await world.close()
    }
  }

export const processes: Campaign = (options) =>
  processesWith({ postgres_kills: Math.ceil(options.runs / 10) })(options)

async function run(world: World, options: CampaignOptions, postgres_kills: number): Promise<Result> {
  const { runs, seconds = Number.POSITIVE_INFINITY, seed } = options
  const started = performance.now()
  const elapsed_s = (): number => (performance.now() - started) / 1_000
  const blocks = deal(runs, world.random('deaths'))
  const planned = blocks.flatMap(placesOf)
  const random = world.random('disasters')
  const disasters = shuffle(dealDisasters(runs, postgres_kills, random), random)
  let until_s = seconds
  const crew = openCrew(world, blocks, disasters, () => elapsed_s() > until_s)
  const watch = startWatch(world, elapsed_s)
  let traffic: Traffic[] = []
  try {
    traffic = [startTraffic(world), startAdapter(world)]
    for (const [i, block] of blocks.entries()) {
      // Each has its share of the time, so that a slow machine sees every weather.
      until_s = (seconds * (i + 1)) / blocks.length
      await live(crew, block)
    }
  } finally {
    world.resting = true
    await watch.stop()
  }
  const kill_s = elapsed_s()
  await finish(crew, traffic, blocks)
  const verdict = await judgeRun(world)
  for (const place of planned) world.tally.covered[place] ??= 0
  return resultOf(world, { seed, seconds: elapsed_s(), kill_s, verdict })
}

/** The places that it was meant to reach, while its decks are whole. */
const placesOf = ({ weather, workers, apis, people }: Block): string[] =>
  [...workers, ...apis, ...people].flatMap((death) =>
    death.kind === 'point' ? [placeName(death.name, weather)] : [],
  )

/** Disasters fall at even distances among the deaths. */
function openCrew(
  world: World,
  blocks: readonly Block[],
  disasters: Disaster[],
  isOver: () => boolean,
): Crew {
  const all = blocks.reduce((sum, block) => sum + block.workers.length + block.apis.length, 0)
  const distance = all / (disasters.length + 1)
  const random = world.random('strikes')
  let deaths = 0
  let striking = Promise.resolve()
  const crew: Crew = {
    world,
    alive: new Set(),
    plain: new Map(),
    starting: new Map(),
    isOver,
    afterDeath: async () => {
      deaths += 1
      const next = disasters.findIndex((disaster) => isDue(disaster, world))
      if (next < 0 || deaths < distance * (struck + 1)) return
      struck += 1
      const [disaster] = disasters.splice(next, 1)
      if (disaster !== undefined) striking = striking.then(() => strike(crew, disaster, random))
      await striking
    },
  }
  let struck = 0
  return crew
}

/** One way to use the rail, under one weather, until its deaths have been died. */
async function live(crew: Crew, block: Block): Promise<void> {
  const { world } = crew
  if (block.mode !== world.mode) await changeMode(crew, block)
  await setWeather(world, block.weather, block.mode)
  world.resting = false
  world.say(
    `${block.mode}, ${block.weather}: ${block.workers.length} workers and ${block.apis.length} APIs die`,
  )
  await Promise.all([workersDie(crew, block.workers), apisDie(crew, block.apis)])
}

/** What was begun one way is finished that way. */
async function changeMode(crew: Crew, block: Block): Promise<void> {
  await finishOpen(crew)
  await setWeather(crew.world, 'calm', block.mode)
}

async function finishOpen(crew: Crew, last = false): Promise<void> {
  const { world } = crew
  world.resting = true
  await setWeather(world, 'calm', world.mode)
  const worker = world.openWorker()
  await startPlain(crew, worker, 'worker')
  await settleDown(world)
  if (last) await letADayPass(world)
  await dismiss(crew, worker)
}

/** Everything calm: what is open is finished, people close what is theirs, the last news goes out. */
async function finish(crew: Crew, traffic: readonly Traffic[], blocks: readonly Block[]): Promise<void> {
  const { world } = crew
  await setWeather(world, 'calm', world.mode)
  await Promise.all(traffic.map((one) => one.stop()))
  await finishOpen(crew, true)
  const paid = byPayee(await world.outside.paid())
  for (const { weather, people } of blocks) {
    if (people.length === 0) continue
    await setWeather(world, weather, world.mode)
    await peopleDie(world, people, paid)
  }
  await setWeather(world, 'calm', world.mode)
  world.tally.add('lines closed by people', await closeReviews(world, paid))
  const worker = world.openWorker()
  await startPlain(crew, worker, 'worker')
  await pause(3_000) // the outbox is drained every two seconds
  await dismiss(crew, worker)
  await harvest(world)
}

/** Checks the invariants all the while, and says how far it is. */
function startWatch(world: World, elapsed_s: () => number): Traffic {
  let stopping = false
  let told = 0
  const loop = (async () => {
    while (!stopping) {
      const began = performance.now()
      // An error is a database that is away; the next look finds it.
      for (const { invariant, found } of await checkAll(world.db).catch(() => []))
        world.tally.blame(`invariant: ${invariant}: ${found}`)
      world.tally.add('checks of the invariants', 1)
      if (elapsed_s() - told > 15) {
        told = elapsed_s()
        world.say(progressLine(world, told))
      }
      const rest_ms = Math.min(30_000, Math.max(3_000, 10 * (performance.now() - began)))
      for (const end = performance.now() + rest_ms; !stopping && performance.now() < end;) await pause(200)
    }
  })()
  return {
    stop: async () => {
      stopping = true
      await loop
    },
  }
}

function progressLine({ tally, mode, weather }: World, elapsed_s: number): string {
  const { kills = 0, 'postgres kills': postgres = 0, batches = 0 } = tally.figures
  const per_minute = ((kills * 60) / elapsed_s).toFixed(1)
  return `${Math.round(elapsed_s)} s, ${mode}, ${weather}: ${kills} kills (${per_minute} a minute), ${postgres} of PostgreSQL, ${Object.keys(tally.covered).length} of ${allPlaces().length} places, ${batches} batches, ${tally.wrong.length} wrong`
}

type Run = Pick<Result, 'seed' | 'seconds' | 'verdict'> & { readonly kill_s: number }

function resultOf(world: World, { seed, seconds, kill_s, verdict }: Run): Result {
  const { tally, proxies } = world
  for (const [name, proxy] of Object.entries(proxies))
    for (const [kind, n] of Object.entries(proxy.injected()))
      tally.count(`${name === 'rail' ? 'rail' : 'database'}: ${kind}`, n)
  const { kills = 0 } = tally.figures
  const reached = Object.entries(tally.covered).filter(([, n]) => n > 0)
  return {
    campaign: 'processes',
    seed,
    runs: kills,
    seconds: Math.round(seconds),
    faults: tally.faults,
    covered: tally.covered,
    figures: {
      ...tally.figures,
      'kills a minute': Math.round((kills * 600) / kill_s) / 10,
      'crash points': crashPoints.length,
      'crash points reached': new Set(reached.map(([place]) => place.split(' ')[0])).size,
      places: reached.length,
    },
    verdict,
    wrong: tally.wrong,
  }
}
