import { setTimeout as pause } from 'node:timers/promises'
import { sql, type Db } from '../../src/platform/db.ts'
import { randomOf } from '../../test/harness/seed.ts'
import { QUICK, type Member } from '../processes/members.ts'
import type { Campaign, Result } from '../result.ts'
import { judge, openBatches, openLists, uploadOf, type List } from './books.ts'
import { openClient, type Client } from './client.ts'
import { openCounts, openDurations, round, type Counts, type Durations } from './figures.ts'
import { openSite, type Site } from './site.ts'
import { followBatch } from './stream.ts'

const LINES = 60
const [UPLOADERS, READERS, FOLLOWERS] = [4, 2, 4]
/** The bar: from SIGTERM to the end of the process. */
const EXIT_MS = 10_000
const UPLOAD_MS = 120_000
const DRAIN_MS = 180_000

type Inner = {
  readonly site: Site
  readonly client: Client
  readonly accepted: Map<string, { readonly list: List; readonly bulk_id: string }>
  readonly wrong: string[]
  readonly counts: Counts
  readonly random: () => number
  /** Where the crowd finds an API now. */
  base: () => string
  over: boolean
}

/**
 * SIGTERM under load, `runs` times (20): first to one process with both roles, then to an API, to the worker that
 * drives (another stands by), and to both at once. Clients upload under keys and repeat what got no answer, read, and
 * follow batches. Found wrong: a process that does not end by itself with 0 in ten seconds, or that keeps its lease, a
 * stream that is cut without a word or goes back, an answer that is neither good nor «later», and what the judge finds.
 */
export const shutdown: Campaign = async ({ seed, runs, seconds = Number.POSITIVE_INFINITY, say }) => {
  const started = performance.now()
  const site = await openSite()
  const client = openClient()
  const [exits, taken, counts, wrong] = [openDurations(), openDurations(), openCounts(), [] as string[]]
  const inner: Inner = {
    site,
    client,
    accepted: new Map(),
    wrong,
    counts,
    random: randomOf(seed, 'shutdown'),
    base: () => '',
    over: false,
  }
  try {
    await site.outside.control('PUT', '/_sim/settings', { mojaloop: { latency_ms: { transfer: 20 } } })
    const stages = openStages(site)
    const nextList = openLists(`shutdown-${seed}`, LINES)
    let crowd: Promise<unknown> | undefined
    let run = 0
    for (; run < runs && (performance.now() - started) / 1_000 < seconds; run++) {
      const victims = await stages(run, Math.ceil(runs / 2), inner)
      crowd ??= openCrowd(inner, nextList)
      await pause(500 + inner.random() * 2_000)
      const told = await stop(inner, victims, { exits, taken })
      say(`${String(run + 1).padStart(3)}  ${told}`)
    }
    inner.over = true
    await crowd
    const end = performance.now() + DRAIN_MS
    while (performance.now() < end && (await openBatches(site.db)) > 0) await pause(200)
    return await resultOf(inner, { seed, run, started, exits, taken })
  } finally {
    inner.over = true
    await client.close()
    await site.close()
  }
}

type Victims = readonly { readonly what: string; readonly member: Member }[]

/** Starts what the run needs and answers whom it will stop. */
function openStages(site: Site): (run: number, together: number, inner: Inner) => Promise<Victims> {
  const env = { ...QUICK, LEASE_S: '60' } // so that a lease that is not given back is seen
  const both = site.openApi('api,worker', env)
  const api = site.openApi('api', env)
  const workers = [site.openWorker(env), site.openWorker(env)]
  return async (run, together, inner) => {
    if (run < together) {
      if (run === 0) await both.start()
      inner.base = both.base
      return [{ what: 'api and worker in one process', member: both }]
    }
    if (run === together) {
      await Promise.all([api, ...workers].map((member) => member.start()))
      inner.base = api.base
      if (together > 0) await stopQuietly(both)
    }
    const pid = await driverOf(site.db)
    const driving = workers.find((member) => member.pid() === pid) ?? workers[0]
    const victims = [
      [{ what: 'api', member: api }],
      driving === undefined ? [] : [{ what: 'worker', member: driving }],
      [{ what: 'api', member: api }, ...(driving === undefined ? [] : [{ what: 'worker', member: driving }])],
    ]
    return victims[(run - together) % victims.length] ?? []
  }
}

async function stopQuietly(member: Member): Promise<void> {
  member.running().kill('SIGTERM')
  await member.running().exited
}

/** The process that holds the lease; undefined when nobody does. */
async function driverOf(db: Db): Promise<number | undefined> {
  const { worker } = await db.one<{ worker: string | null }>(sql`
    select case when lease_until > clock_timestamp() then worker end as worker from payments_connections`)
  return worker === null ? undefined : Number(worker.split(':')[1])
}

type Times = { readonly exits: Durations; readonly taken: Durations }

/** SIGTERM to each at the same moment; when they have ended and somebody drives again, they are started again. */
async function stop(inner: Inner, victims: Victims, { exits, taken }: Times): Promise<string> {
  const { site, wrong, counts } = inner
  const begun = performance.now()
  const ended = victims.map(async ({ what, member }) => {
    const { pid, kill, exited } = member.running()
    kill('SIGTERM')
    const { code, signal } = await exited
    const ms = performance.now() - begun
    exits.note(ms)
    counts.add(`stopped ${what}`)
    if (code !== 0 || ms > EXIT_MS)
      wrong.push(
        `${what} ended with ${code ?? signal} after ${Math.round(ms)} ms: ${tail(member.running().stderr())}`,
      )
    if ((await driverOf(site.db)) === pid) wrong.push(`${what} ended and kept its lease`)
    return `${what} ${Math.round(ms)} ms`
  })
  const told = await Promise.all(ended)
  const free = performance.now()
  const started = Promise.all(victims.map(({ member }) => member.start()))
  while ((await driverOf(site.db)) === undefined && performance.now() < free + 60_000) await pause(10)
  if ((await driverOf(site.db)) === undefined) wrong.push('nobody drives after 60 s')
  if (victims.some(({ what }) => what === 'worker')) taken.note(performance.now() - free)
  await started
  return told.join(', ')
}

const tail = (text: string): string => text.trim().split('\n').slice(-3).join(' | ').slice(-600)

const openCrowd = (inner: Inner, nextList: () => List): Promise<unknown> =>
  Promise.all([
    ...Array.from({ length: UPLOADERS }, () => uploadOn(inner, nextList)),
    ...Array.from({ length: READERS }, () => readOn(inner)),
    ...Array.from({ length: FOLLOWERS }, () => followOn(inner)),
  ])

/** Sends one list after another, each under its key until it is acknowledged. */
async function uploadOn(inner: Inner, nextList: () => List): Promise<void> {
  const { client, accepted, wrong, counts, random } = inner
  while (!inner.over) {
    const list = nextList()
    const end = performance.now() + UPLOAD_MS
    while (!accepted.has(list.key) && performance.now() < end) {
      const said = await client.upload(inner.base(), uploadOf(list))
      counts.add(`uploads ${said.kind}`)
      if (said.kind === 'accepted') accepted.set(list.key, { list, bulk_id: said.bulk_id })
      else if (said.kind === 'wrong') wrong.push(`upload ${list.key}: ${said.why}`)
      if (said.kind !== 'accepted') await pause(50 + random() * 100)
    }
    if (!accepted.has(list.key)) wrong.push(`upload ${list.key}: not acknowledged in ${UPLOAD_MS} ms`)
    await pause(50 + random() * 200)
  }
}

const someBatch = ({ accepted, random }: Inner): string | undefined => {
  const latest = [...accepted.values()].slice(-8)
  return latest[Math.floor(random() * latest.length)]?.bulk_id
}

async function readOn(inner: Inner): Promise<void> {
  const { client, wrong, counts } = inner
  for (; !inner.over; await pause(30)) {
    const bulk_id = someBatch(inner)
    if (bulk_id === undefined) continue
    const { status, retry_after, text } = await client.ask(
      inner.base(),
      'GET',
      `/api/bulk-transfers/${bulk_id}/status?limit=20`,
    )
    counts.add(`reads ${status === 0 ? 'lost' : status}`)
    if (status !== 200 && status !== 0 && (status !== 503 || retry_after === undefined))
      wrong.push(`GET status of ${bulk_id}: ${status} ${text.slice(0, 200)}`)
  }
}

/** Follows a batch to its end, coming back after each end that is not the batch's. */
async function followOn(inner: Inner): Promise<void> {
  const { wrong, counts } = inner
  for (; !inner.over; await pause(50)) {
    const bulk_id = someBatch(inner)
    if (bulk_id === undefined) continue
    const until = AbortSignal.timeout(60_000)
    for (let last_id: string | undefined, ending = ''; ending !== 'done' && !inner.over; await pause(50)) {
      const followed = await followBatch(inner.base(), bulk_id, { last_id, until })
      ;({ last_id, ending } = followed)
      counts.add(`streams ${ending}`)
      if (ending === 'cut') wrong.push(`the stream of ${bulk_id} was cut without a word`)
      if (followed.backwards > 0) wrong.push(`the stream of ${bulk_id} went back ${followed.backwards} times`)
      if (ending === 'left') break
    }
  }
}

type Run = Times & { readonly seed: number; readonly run: number; readonly started: number }

async function resultOf(inner: Inner, { seed, run, started, exits, taken }: Run): Promise<Result> {
  const { site, accepted, counts, wrong } = inner
  const { verdict, wrong: found } = await judge(site.db, await site.outside.paid(), accepted)
  const { n } = await site.db.one<{ n: bigint }>(sql`select count(*) as n from payments_evidence`)
  return {
    campaign: 'shutdown',
    seed,
    runs: run,
    seconds: round((performance.now() - started) / 1_000),
    faults: { SIGTERM: exits.count() },
    covered: counts.all(),
    figures: {
      acknowledged: accepted.size,
      lines: accepted.size * LINES,
      exit_p50_ms: Math.round(exits.percentile(50)),
      exit_max_ms: Math.round(exits.percentile(100)),
      other_drives_max_ms: Math.round(taken.percentile(100)),
      detours: Number(n),
    },
    verdict,
    wrong: [...wrong.slice(0, 40), ...found],
  }
}
