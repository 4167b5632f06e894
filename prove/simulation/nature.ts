import type { RailHabits } from '../../src/connectors/index.ts'

/**
 * How a rail behaves. `remembers`: deduplicates by our reference, and a reference that it has refused stays refused.
 * `forgets`: deduplicates, but a front that refuses knows nothing of what lies behind it; no order is executed later
 * than the promise. `two-phase`: makes its own reference. `plain`: executes whatever arrives.
 */
export type Nature = 'remembers' | 'forgets' | 'two-phase' | 'plain'

export const habitsOf: Readonly<Record<Nature, RailHabits>> = {
  remembers: { deduplicates: true, makes_reference: false, mode: 'one-call' },
  forgets: { deduplicates: true, makes_reference: false, mode: 'one-call' },
  'two-phase': { deduplicates: false, makes_reference: true, mode: 'two-phase' },
  plain: { deduplicates: false, makes_reference: false, mode: 'one-call' },
}
