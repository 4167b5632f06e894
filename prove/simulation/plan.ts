import { queryDelay, type ConnectionSettings } from '../../src/payments/engine/connection.ts'
import type { Fault, Faults } from './faults.ts'
import type { Tables } from './memory/tables.ts'
import type { Nature } from './nature.ts'
import type { Random } from './random.ts'
import type { Time } from './time.ts'

/** What a seed decides of its world before anything happens there. */
export type Plan = {
  readonly nature: Nature
  /** The connector takes two steps at the rail before it orders. */
  readonly stepwise: boolean
  readonly settings: ConnectionSettings
  /** No order is executed later than this after it was made, where the rail promises it. */
  readonly promise_ms: number
  /** The wall clocks of machines are set back too. */
  readonly sets_back: boolean
  /** Faults that do not fit this world. */
  readonly never: ReadonlySet<Fault>
}

/** What all parts of a world share. */
export type World = {
  readonly time: Time
  readonly random: Random
  readonly faults: Faults
  readonly plan: Plan
  readonly tables: Tables
  /** Told what happens, when somebody reads along. */
  readonly say: ((what: string) => void) | undefined
}

/** Draws a plan. */
export function drawPlan(random: Random): Plan {
  const nature = random.pick<Nature>(['remembers', 'remembers', 'forgets', 'forgets', 'two-phase', 'plain'])
  const stepwise = (nature === 'remembers' || nature === 'forgets') && random.chance(0.4)
  const settings = drawSettings(random)
  // A rail somewhat later than it promises; a hint would bring the question forward into that time.
  const tardy = nature === 'forgets' && random.chance(0.5)
  const promise_ms = settings.not_found_after_ms + (tardy ? queryDelay(settings, 0) - 100 : 0)
  const sets_back = random.chance(0.5)
  return { nature, stepwise, settings, promise_ms, sets_back, never: doNotFit(nature, tardy, sets_back) }
}

/** What a rail of this nature does not do: it would break what it promises. */
function doNotFit(nature: Nature, tardy: boolean, sets_back: boolean): Set<Fault> {
  const never = new Set<Fault>()
  if (tardy) never.add('people: hint')
  // Two clocks cannot be fooled at once: one stands still, the other is set back by as much.
  if (sets_back) never.add('worker: machine suspended')
  if (nature !== 'forgets') never.add('rail: refuses a resend')
  if (nature === 'forgets') never.add('rail: not found though it is there')
  if (nature === 'plain') never.add('network: request delivered again')
  return never
}

const drawSettings = (random: Random): ConnectionSettings => ({
  id: 'rail',
  lease_ms: 6_000,
  timeout_ms: random.pick([800, 2_000]),
  expiry_ms: random.pick([600, 1_500]),
  not_found_after_ms: random.pick([1_500, 4_000]),
  query_delays_ms: random.pick([
    [500, 1_000, 2_000],
    [1_500, 2_000],
  ]),
  retry_delays_ms: [300, 600],
  review_after_ms: 30_000,
  window_max: random.pick([1, 4, 16]),
  rate_per_s: random.pick([0, 0, 0, 20]),
  breaker_ms: 1_000,
  stop_ms: 2_000,
  poll_ms: random.pick([1_000, 2_000]),
})
