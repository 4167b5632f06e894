import { setTimeout as pause } from 'node:timers/promises'
import { sql } from '../../src/platform/db.ts'

import { randomOf } from '../../test/harness/seed.ts'
import type { Campaign, Result } from '../result.ts'
import { judge, openBatches, openLists } from './books.ts'
import { openClient } from './client.ts'
import { flood } from './crowd.ts'
import { memoryOf, openCounts, openDurations, round, shares, type Shares } from './figures.ts'
import { openSite } from './site.ts'
import { lookAround, send, type Inner } from './visit.ts'

const LINES = 1_000
const FACTOR = 5
/** Clients that upload, look and wait until all is paid, and upload again: more of them gain nothing on two cores. */
const WELL_BEHAVED = 8
const DRAIN_MS = 600_000

/**
 * The capacity with well-behaved clients, then five times their visits, each begun whether or not the ones before were
 * answered, for `seconds` (60). A visit is the same for both: a list is sent, and there are three reads and a stream.
 * Beside the crowd somebody looks at /health and pauses and resumes a batch. Found wrong: what was acknowledged and is
 * not paid exactly once, a refusal without Retry-After or one that left anything behind, any other answer.
 */
export const overload: Campaign = async ({ seed, seconds = 60, say }) => {
  const started = performance.now()
  const site = await openSite()
  const client = openClient()
  try {
    const member = site.openApi('api,worker')
    await member.start()
    const inner: Inner = {
      site,
      member,
      client,
      nextList: openLists(`overload-${seed}`, LINES),
      accepted: new Map(),
      unknown: new Map(),
      refused: new Map(),
      wrong: [],
      counts: openCounts(),
      uploads: openDurations(),
      reads: openDurations(),
      random: randomOf(seed, 'overload'),
    }
    const figures = await campaign(inner, seconds, say)
    return await verdictOf(inner, { seed, started, figures })
  } finally {
    await client.close()
    await site.close()
  }
}

async function campaign(
  inner: Inner,
  seconds: number,
  say: (line: string) => void,
): Promise<Record<string, number>> {
  await capacity(inner, 3) // warms up
  const before = await capacity(inner, Math.max(5, seconds / 3))
  say(
    `capacity: ${before.uploads_per_s.toFixed(1)} uploads of ${LINES} lines a second, ${before.lines_per_s.toFixed(0)} lines paid`,
  )
  const under = await flood(inner, before.uploads_per_s * FACTOR, seconds)
  say(
    `${FACTOR} times that for ${seconds} s: ${under.accepted_per_s.toFixed(1)} accepted, ${under.lines_per_s.toFixed(0)} lines paid a second`,
  )
  const recovery_s = await recovery(inner, before.upload_ms)
  await settleUnknown(inner)
  await drained(inner)
  const after = await capacity(inner, Math.max(5, seconds / 3))
  say(
    `capacity afterwards: ${after.lines_per_s.toFixed(0)} lines a second; back to normal after ${recovery_s} s`,
  )
  const { now_mb, peak_mb } = memoryOf(inner.member.pid())
  return {
    capacity_uploads_per_s: round(before.uploads_per_s),
    capacity_lines_per_s: Math.round(before.lines_per_s),
    capacity_after_lines_per_s: Math.round(after.lines_per_s),
    capacity_read_p99_ms: Math.round(before.read_p99_ms),
    ...named('capacity', before.costs),
    ...named('load', under.costs),
    ...under.figures,
    goodput_percent: round((100 * under.lines_per_s) / Math.max(before.lines_per_s, 1)),
    goodput_per_cpu_percent: round(
      (200 * under.lines_per_cpu_s) / (before.lines_per_cpu_s + after.lines_per_cpu_s),
    ),
    goodput_percent_of_after: round((100 * under.lines_per_s) / Math.max(after.lines_per_s, 1)),
    accepted_percent: round((100 * under.accepted_per_s) / before.uploads_per_s),
    recovery_s,
    memory_peak_mb: Math.round(peak_mb),
    memory_after_mb: Math.round(now_mb),
  }
}

const named = (when: string, costs: Shares['costs']): Record<string, number> =>
  Object.fromEntries(Object.entries(costs).map(([who, us]) => [`${when}_${who}`, us]))

type Capacity = Shares & {
  readonly uploads_per_s: number
  readonly upload_ms: number
  readonly read_p99_ms: number
}

/** What well-behaved clients get done together: each looks at what it sent, as one of the crowd does. */
async function capacity(inner: Inner, seconds: number): Promise<Capacity> {
  const { site, client, member } = inner
  const own: Inner = { ...inner, counts: openCounts(), uploads: openDurations(), reads: openDurations() }
  const before = await site.work()
  const started = performance.now()
  const one = async (): Promise<void> => {
    while (performance.now() - started < seconds * 1_000) {
      const said = await send(own, inner.nextList())
      if (said.kind !== 'accepted') await pause(1_000)
      else
        await Promise.all([
          lookAround(own, said.bulk_id),
          client.ask(member.base(), 'GET', `/api/bulk-transfers/${said.bulk_id}/wait?timeout=50`),
        ])
    }
  }
  await Promise.all(Array.from({ length: WELL_BEHAVED }, one))
  const took_s = (performance.now() - started) / 1_000
  return {
    ...shares(before, await site.work(), took_s),
    uploads_per_s: own.uploads.count() / took_s,
    upload_ms: own.uploads.percentile(50),
    read_p99_ms: own.reads.percentile(99),
  }
}

/** Seconds from the end of the load until an upload takes no longer than three times what it took before. */
async function recovery(inner: Inner, usual_ms: number): Promise<number> {
  const started = performance.now()
  for (;;) {
    const begun = performance.now()
    const said = await send(inner, inner.nextList())
    const passed_s = (performance.now() - started) / 1_000
    if (said.kind === 'accepted' && performance.now() - begun < Math.max(3 * usual_ms, 250))
      return round(passed_s)
    if (passed_s > 120) return round(passed_s)
    await pause(200)
  }
}

/** Whoever got no answer asks again with the same key: then it is known. */
async function settleUnknown(inner: Inner): Promise<void> {
  for (const list of inner.unknown.values()) {
    for (let tries = 0; tries < 30 && inner.unknown.has(list.key); tries++) {
      const said = await send(inner, list)
      if (said.kind === 'wrong') break
      if (said.kind !== 'accepted') await pause(1_000)
    }
  }
}

async function drained({ site }: Inner): Promise<void> {
  const end = performance.now() + DRAIN_MS
  while (performance.now() < end && (await openBatches(site.db)) > 0) await pause(500)
}

type Run = { readonly seed: number; readonly started: number; readonly figures: Record<string, number> }

async function verdictOf(inner: Inner, { seed, started, figures }: Run): Promise<Result> {
  const { site, accepted, wrong } = inner
  await drained(inner)
  const { verdict, wrong: found } = await judge(site.db, await site.outside.paid(), accepted)
  const spooled = site.spooled()
  if (spooled > 0) wrong.push(`${spooled} uploads lie in the spool`)
  const { n } = await site.db.one<{ n: bigint }>(sql`
    select count(*) as n from platform_idempotency where scope like '%POST /api/bulk-transfers'`)
  if (Number(n) !== accepted.size) wrong.push(`${n} keys are kept for ${accepted.size} acknowledged uploads`)
  const { uploads_refused = 0, reads_refused = 0, uploads_lost = 0 } = figures
  return {
    campaign: 'overload',
    seed,
    runs: 1,
    seconds: round((performance.now() - started) / 1_000),
    faults: { uploads_refused, reads_refused, uploads_lost },
    covered: { acknowledged: accepted.size },
    figures,
    verdict,
    wrong: [...wrong.slice(0, 20), ...found],
  }
}
