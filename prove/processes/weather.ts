import type { Fate, Proxy } from './proxy.ts'
import type { Mode, Weather, World } from './world.ts'

/** Of the calls that pay, 40 % meet one of these; the chances depend on the seed and the payee. */
const RAIL: readonly { readonly kind: string; readonly [name: string]: unknown }[] = [
  { kind: 'http_500_after_accept', probability: 0.12 },
  { kind: 'http_500_no_create', probability: 0.12 },
  { kind: 'init_lost_response', probability: 0.06 },
  { kind: 'init_lost_request', probability: 0.06 },
  { kind: 'http_503_429', probability: 0.05 },
  { kind: 'callback_lost', probability: 0.02 },
  { kind: 'callback_duplicate', probability: 0.02 },
  { kind: 'waf_html_200', probability: 0.02 },
  { kind: 'slow_responses', probability: 0.02, delay_s: 0.4 },
  { kind: 'clock_skew', probability: 0.02 },
  { kind: 'late_success_after_expiry', probability: 0.01 },
  { kind: 'token_expired_mid_flight', probability: 0.002, times: 2 },
  // These meet the questions about a payment.
  { kind: 'status_endpoint_lies', probability: 0.1, delay_s: 0.3 },
  { kind: 'http_503_429', operation: 'status', probability: 0.1 },
]

/** Long enough for dozens of calls to be under way or claimed at any moment. */
const LATENCY_MS = 15
/** How long the adapter waits for a rail that stays silent. */
const SILENCE_S = 1

/** Sets what happens to the calls and links that are made from now on. */
export async function setWeather(world: World, weather: Weather, mode: Mode): Promise<void> {
  await harvest(world)
  world.weather = weather
  world.mode = mode
  await blow(world)
  const { db_worker, db_api, rail } = world.proxies
  for (const proxy of [db_worker, db_api]) setLinks(proxy, weather, () => databaseLink(world.drawLink))
  setLinks(rail, weather, () => railLink(world.drawLink))
}

const setLinks = (proxy: Proxy, weather: Weather, draw: () => Fate): void =>
  proxy.setWeather(weather === 'links' ? draw : undefined)

/** Tells the simulators, also after they were killed: it is not in their log. */
export async function blow(world: World): Promise<void> {
  const { outside, weather, mode, seed } = world
  await outside.control('PUT', '/_sim/settings', {
    mojaloop: {
      latency_ms: { transfer: LATENCY_MS },
      timeout_s: SILENCE_S,
      strict: mode !== 'one-call',
      phases: mode === 'two-phase' ? 2 : 1,
    },
  })
  await outside.control('DELETE', '/_sim/faults')
  if (weather !== 'rail') return
  for (const [i, fault] of RAIL.entries())
    await outside.control('POST', '/_sim/faults', { ...fault, seed: (seed % 1_000_000) + i })
}

/** Counts what the rail has done since the last time; before its faults are taken away or it is killed. */
export async function harvest({ outside, tally }: World): Promise<void> {
  const { faults } = (await outside.control('GET', '/_sim/faults')) as {
    faults: { kind: string; hits: number }[]
  }
  for (const { kind, hits } of faults) tally.count(`rail: ${kind}`, hits)
}

/**
 * Four links to the database in ten are bad. A process opens half a dozen of them to start, which takes seconds on a busy
 * machine: what strikes strikes later, or nothing would ever come up.
 */
function databaseLink(random: () => number): Fate {
  const of = (low: number, high: number): number => low + random() * (high - low)
  const kind = random()
  if (kind < 0.6) return {}
  if (kind < 0.69) return { latency_ms: of(1, 6), jitter_ms: of(0, 10) }
  if (kind < 0.77) return { slice_bytes: Math.floor(of(7, 200)) }
  if (kind < 0.84) return { reset_after_ms: of(1_500, 12_000) }
  if (kind < 0.9) return { cut_after_bytes: of(30_000, 300_000) }
  if (kind < 0.97) return { lose_commit: 2 + Math.floor(of(0, 20)) }
  return { stall_after_ms: of(2_000, 12_000), lingers_ms: of(500, 6_000) }
}

function railLink(random: () => number): Fate {
  const of = (low: number, high: number): number => low + random() * (high - low)
  const kind = random()
  if (kind < 0.4) return {}
  if (kind < 0.55) return { latency_ms: of(1, 20), jitter_ms: of(0, 60) }
  if (kind < 0.65) return { slice_bytes: Math.floor(of(7, 400)) }
  if (kind < 0.8) return { reset_after_ms: of(5, 1_500) }
  if (kind < 0.93) return { cut_after_bytes: of(100, 30_000) }
  return { stall_after_ms: of(5, 1_500), lingers_ms: of(500, 4_000) }
}
