import { setTimeout as pause } from 'node:timers/promises'
import { sql, type Db } from '../../src/platform/db.ts'
import { until } from '../../test/harness/wait.ts'
import { QUICK, type Api, type Member } from '../processes/members.ts'
import type { Campaign, Result } from '../result.ts'
import { judge, openBatches, openLists, settledLines, uploadOf, type List } from './books.ts'
import { openClient } from './client.ts'
import { openEar, type Ear } from './ear.ts'
import { openCounts, openDurations, round } from './figures.ts'
import { openSite, type Site } from './site.ts'
import { followBatch } from './stream.ts'

/** A list lasts longer than a take-over, on any machine. */
const LINES = 2_400
const RATE_PER_S = '150'
/** The bar: the default lease is 15 s, and somebody must look. */
const TAKE_OVER_MS = 20_000
const DEADLINE_MS = 60_000
/** How long the thawed one is listened to. */
const THAWED_MS = 3_000

type Pair = {
  readonly site: Site
  readonly ear: Ear
  readonly apis: readonly [Api, Api]
  readonly workers: ReadonlyMap<string, Member>
  readonly accepted: Map<string, { readonly list: List; readonly bulk_id: string }>
  readonly wrong: string[]
}

/**
 * Two APIs and two workers on one database; the worker that drives is killed (SIGKILL) or frozen (SIGSTOP) in the middle
 * of a batch, in turn, `runs` times, with the default lease. Found wrong: two callers that take turns at the rail, a
 * token that two workers have, a thawed worker that speaks, a stream at the other API that shows nothing of
 * the new worker's, and what the judge finds. The times stand beside their bar and are no verdict.
 */
export const takeover: Campaign = async ({ seed, runs, seconds = Number.POSITIVE_INFINITY, say }) => {
  const started = performance.now()
  const site = await openSite()
  const ear = openEar(site.outside.adapter())
  const [leases, goes_on, shown, counts] = [openDurations(), openDurations(), openDurations(), openCounts()]
  try {
    const env = { ...QUICK, LEASE_S: undefined, MOJALOOP_RATE_PER_S: RATE_PER_S }
    const workers = new Map<string, Member>()
    for (const who of ['worker 1', 'worker 2'])
      workers.set(who, site.openWorker({ ...env, SCHEME_ADAPTER_URL: await ear.open(who) }))
    const apis = [site.openApi('api', env), site.openApi('api', env)] as const
    await Promise.all([...workers.values(), ...apis].map((member) => member.start()))
    const pair: Pair = { site, ear, apis, workers, accepted: new Map(), wrong: [] }
    const watch = watchTokens(site.db, pair.wrong)
    const nextList = openLists(`takeover-${seed}`, LINES)
    let run = 0
    for (; run < runs && (performance.now() - started) / 1_000 < seconds; run++) {
      const how = (run + seed) % 2 === 0 ? 'SIGKILL' : 'SIGSTOP'
      const took = await strike(pair, how, nextList())
      counts.add(how)
      leases.note(took.lease_ms)
      goes_on.note(took.goes_on_ms)
      shown.note(took.shown_ms)
      say(
        `${how}: the other has the lease after ${(took.lease_ms / 1_000).toFixed(1)} s, settles after ${(took.goes_on_ms / 1_000).toFixed(1)} s, shown at the other API ${(took.shown_ms / 1_000).toFixed(1)} s later`,
      )
    }
    await watch.stop()
    const spells = ear.spells()
    if (spells.length !== run + 1)
      pair.wrong.push(
        `the rail heard ${spells.map((spell) => `${spell.who} (${spell.requests})`).join(', ')}`,
      )
    const result = await judge(site.db, await site.outside.paid(), pair.accepted)
    return {
      campaign: 'takeover',
      seed,
      runs: run,
      seconds: round((performance.now() - started) / 1_000),
      faults: counts.all(),
      covered: { tokens: watch.tokens(), spells_at_the_rail: spells.length },
      figures: {
        bar_ms: TAKE_OVER_MS,
        lease_taken_max_ms: Math.round(leases.percentile(100)),
        goes_on_max_ms: Math.round(goes_on.percentile(100)),
        shown_at_other_api_max_ms: Math.round(shown.percentile(100)),
        lines: pair.accepted.size * LINES,
      },
      verdict: result.verdict,
      wrong: [...pair.wrong.slice(0, 20), ...result.wrong],
    } satisfies Result
  } finally {
    await ear.close()
    await site.close()
  }
}

type Took = { readonly lease_ms: number; readonly goes_on_ms: number; readonly shown_ms: number }

/** Uploads at one API, follows at the other, strikes the worker that drives, and waits until all is paid. */
async function strike(pair: Pair, how: 'SIGKILL' | 'SIGSTOP', list: List): Promise<Took> {
  const { site, apis, workers, ear, accepted, wrong } = pair
  const before = await settledLines(site.db)
  const bulk_id = await uploadTo(apis[1], list)
  accepted.set(list.key, { list, bulk_id })
  let shown_at = Number.POSITIVE_INFINITY
  let waits_for = Number.POSITIVE_INFINITY
  const over = new AbortController()
  const followed = followBatch(apis[0].base(), bulk_id, {
    until: over.signal,
    onEvent: (data) => {
      const { completed = 0 } = JSON.parse(data) as { completed?: number }
      if (completed > waits_for) shown_at = Math.min(shown_at, performance.now())
    },
  })
  const settled = async (more: number): Promise<number | false> => {
    const now = (await settledLines(site.db)) - before
    return now >= more && now
  }
  await until('lines are settled', () => settled(300), DEADLINE_MS)
  const [name, struck] = await driving(site.db, workers)
  struck.running().kill(how)
  const began = performance.now()
  if (how === 'SIGKILL') await struck.running().exited
  const left = (await settledLines(site.db)) - before
  const heir = await until(
    'the other drives',
    async () => {
      const found = await driving(site.db, workers).catch(() => undefined) // between the two nobody does
      return found !== undefined && found[0] !== name && found[0]
    },
    DEADLINE_MS,
  )
  const lease_ms = performance.now() - began
  waits_for = left
  await until('the other settles', () => settled(left + 1), DEADLINE_MS)
  const goes_on_at = performance.now()
  await thaw(pair, how, name, struck)
  await until('the batch is final', async () => (await openBatches(site.db)) === 0, 3 * DEADLINE_MS)
  const ending = await Promise.race([followed, pause(5_000).then(() => over.abort())])
  if (ending?.ending !== 'done') wrong.push(`the stream of ${bulk_id} did not end with the batch`)
  if (shown_at === Number.POSITIVE_INFINITY)
    wrong.push(`the stream of ${bulk_id} at the other API never showed what ${heir} did`)
  if (ear.heardSince(heir, began) === 0) wrong.push(`${heir} drove and was not heard`)
  return { lease_ms, goes_on_ms: goes_on_at - began, shown_ms: Math.max(0, shown_at - goes_on_at) }
}

/** The struck worker comes back: thawed, and then silent as long as the other drives, or started anew. */
async function thaw({ ear, wrong }: Pair, how: string, name: string, struck: Member): Promise<void> {
  if (how === 'SIGKILL') return void (await struck.start())
  const thawed_at = performance.now()
  struck.running().kill('SIGCONT')
  await pause(THAWED_MS)
  const said = ear.heardSince(name, thawed_at)
  if (said > 0) wrong.push(`${name} spoke ${said} times to the rail after it was thawed`)
}

async function uploadTo(api: Api, list: List): Promise<string> {
  const client = openClient()
  const said = await client.upload(api.base(), uploadOf(list))
  await client.close()
  if (said.kind !== 'accepted') throw new Error(`upload ${list.key}: ${JSON.stringify(said)}`)
  return said.bulk_id
}

type Lease = { readonly worker: string | null; readonly token: bigint; readonly held: boolean }
const leaseOf = (db: Db): Promise<Lease> =>
  db.one(sql`
    select worker, token, coalesce(lease_until > clock_timestamp(), false) as held from payments_connections`)

/** The worker that holds the lease; throws while nobody does. */
async function driving(db: Db, workers: Pair['workers']): Promise<readonly [string, Member]> {
  const { worker, held } = await leaseOf(db)
  const pid = Number(worker?.split(':')[1])
  const found = [...workers].find(([, member]) => member.pid() === pid)
  if (!held || found === undefined) throw new Error('nobody drives')
  return found
}

/** Looks at the lease twenty times a second: a token is one worker's, and only grows. */
function watchTokens(
  db: Db,
  wrong: string[],
): { readonly tokens: () => number; readonly stop: () => Promise<void> } {
  const owners = new Map<bigint, string>()
  let [last, over] = [0n, false]
  const look = async (): Promise<void> => {
    for (; !over; await pause(50)) {
      const { worker, token } = await leaseOf(db)
      if (token < last) wrong.push(`the token went back from ${last} to ${token}`)
      last = token
      if (worker === null) continue
      const owner = owners.get(token) ?? worker
      if (owner !== worker) wrong.push(`${owner} and ${worker} both have token ${token}`)
      owners.set(token, owner)
    }
  }
  const looking = look()
  return {
    tokens: () => owners.size,
    stop: async () => {
      over = true
      await looking
    },
  }
}
