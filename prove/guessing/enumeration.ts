import { loadavg } from 'node:os'
import { Pool } from 'undici'
import { randomOf } from '../../test/harness/seed.ts'
import { round } from '../load/figures.ts'
import { openSite } from '../load/site.ts'
import type { Campaign } from '../result.ts'
import { enrol, openCapturing, SECRET_KEY, type Somebody } from './people.ts'
import { judgeSurface, type Seen } from './compare.ts'
import { surfaceNames, surfaces, type Pair, type Request, type Scene, type Surface } from './surfaces.ts'

/** Wrong codes of everybody are 200 an hour: a chunk of pairs, two guesses each, stays below it. */
const CHUNK = 90
/** What is compiled and connected on the way says nothing about the product's usual pace. */
const WARM = 10
/** Pairs of a surface that tells by contract: its times say nothing more. */
const ENOUGH = 100
const SILENT_MS = 60_000

/**
 * Pairs of requests, about somebody who is there and about nobody, in random order, to the product as it is started, with
 * hashes of their real cost: the answers must be equal but for the request's id, and their times must not tell them apart.
 */
export const enumeration: Campaign = async ({ seed, runs, seconds = Infinity, say }) => {
  const started = performance.now()
  const site = await openSite()
  const { identity, codes } = openCapturing()
  const [wrong, figures, covered]: [string[], Record<string, number>, Record<string, number>] = [[], {}, {}]
  try {
    const member = site.openApi('api,worker', { SECRET_KEY, TRUSTED_PROXIES: '127.0.0.1' })
    await member.start()
    const people = await enrol(site.db, runs)
    for (const name of surfaceNames) {
      const end = performance.now() + (seconds * 1_000) / surfaceNames.length
      const measuring = { base: member.base(), scene: { db: site.db, identity, codes }, people, end }
      const seen = await measure(measuring, surfaces[name], randomOf(seed, name))
      covered[`${name}: ${surfaces[name].what}`] = seen.known.length
      const { figures: said, wrong: found } = judgeSurface(name, seen, surfaces[name].tells)
      Object.assign(figures, said)
      wrong.push(...found)
      say(JSON.stringify(said))
    }
  } finally {
    await site.close()
  }
  figures['load_1m'] = round(loadavg()[0] ?? 0)
  return {
    campaign: 'enumeration',
    seed,
    runs: Object.values(covered).reduce((sum, n) => sum + n, 0),
    seconds: Math.round((performance.now() - started) / 1_000),
    faults: {},
    covered,
    figures,
    verdict: { twice: 0, lost: 0, stuck: 0, invariants: 0 },
    wrong,
  }
}

type Measuring = {
  readonly base: string
  readonly scene: Scene
  readonly people: readonly Somebody[]
  /** By performance.now(): no chunk begins after it. */
  readonly end: number
}

async function measure(
  { base, scene, people, end }: Measuring,
  surface: Surface,
  random: () => number,
): Promise<Seen> {
  const pool = new Pool(base, { connections: surface.at_once, headersTimeout: SILENT_MS })
  const seen: Seen = { known: [], unknown: [], answers: [] }
  const most = surface.tells === undefined ? people.length : Math.min(ENOUGH, people.length)
  const warm: Seen = { known: [], unknown: [], answers: [] }
  try {
    for (let from = 0; from < most && performance.now() < end;) {
      const to = Math.min(most, from === 0 ? WARM : from + CHUNK)
      const pairs = [...(await surface.pairsOf(scene, people.slice(from, to), from))]
      const kept = from === 0 ? warm : seen
      const one = async (): Promise<void> => {
        for (let pair = pairs.shift(); pair !== undefined; pair = pairs.shift())
          await askBoth(pool, pair, { seen: kept, known_first: random() < 0.5 })
      }
      await Promise.all(Array.from({ length: surface.at_once }, one))
      from = to
    }
  } finally {
    await pool.destroy()
  }
  seen.answers.push(...warm.answers)
  return seen
}

async function askBoth(
  pool: Pool,
  { known, unknown }: Pair,
  { seen, known_first }: { readonly seen: Seen; readonly known_first: boolean },
): Promise<void> {
  const first = await ask(pool, known_first ? known : unknown)
  const second = await ask(pool, known_first ? unknown : known)
  const [of_known, of_unknown] = known_first ? [first, second] : [second, first]
  seen.known.push(of_known.ms)
  seen.unknown.push(of_unknown.ms)
  seen.answers.push([of_known.said, of_unknown.said])
}

/** What may differ between any two answers. */
const ITS_OWN = new Set(['date', 'x-request-id'])

async function ask(pool: Pool, { path, headers, body }: Request): Promise<{ ms: number; said: string }> {
  const started = performance.now()
  const answer = await pool.request({
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  const text = await answer.body.text()
  const ms = performance.now() - started
  const own = String(answer.headers['x-request-id'])
  const kept = Object.entries(answer.headers).filter(([name]) => !ITS_OWN.has(name))
  return { ms, said: `${answer.statusCode} ${JSON.stringify(kept)} ${text.replaceAll(own, '(request)')}` }
}
