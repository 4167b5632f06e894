import type { Result } from '../result.ts'
import type { Run } from './world.ts'

/** What some seeds brought, as plain data that adds up. */
export type Tally = {
  runs: number
  events: number
  lines: number
  readonly faults: Record<string, number>
  readonly covered: Record<string, number>
  readonly verdict: { twice: number; lost: number; stuck: number; invariants: number }
  readonly wrong: { readonly seed: number; readonly what: string }[]
}

export const openTally = (): Tally => ({
  runs: 0,
  events: 0,
  lines: 0,
  faults: {},
  covered: {},
  verdict: { twice: 0, lost: 0, stuck: 0, invariants: 0 },
  wrong: [],
})

const plus = (into: Record<string, number>, key: string, n: number): void => {
  into[key] = (into[key] ?? 0) + n
}

export function count(tally: Tally, run: Run): void {
  tally.runs += 1
  tally.events += run.events
  tally.lines += run.lines
  for (const [fault, n] of run.struck) plus(tally.faults, fault, n)
  for (const [place, n] of run.covered) plus(tally.covered, place, n)
  plus(tally.covered, `rail: ${run.nature}`, 1)
  for (const { kind, what } of run.wrong) {
    tally.verdict[kind] += 1
    tally.wrong.push({ seed: run.seed, what: `seed ${run.seed}: ${kind}: ${what}` })
  }
}

export function add(into: Tally, more: Tally): void {
  into.runs += more.runs
  into.events += more.events
  into.lines += more.lines
  for (const [fault, n] of Object.entries(more.faults)) plus(into.faults, fault, n)
  for (const [place, n] of Object.entries(more.covered)) plus(into.covered, place, n)
  for (const kind of ['twice', 'lost', 'stuck', 'invariants'] as const)
    into.verdict[kind] += more.verdict[kind]
  into.wrong.push(...more.wrong)
}

const sorted = (counts: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).sort(([a], [b]) => a.localeCompare(b)))

export const resultOf = (tally: Tally, seed: number, seconds: number): Result => ({
  campaign: 'simulation',
  seed,
  runs: tally.runs,
  seconds,
  faults: sorted(tally.faults),
  covered: sorted(tally.covered),
  figures: {
    events: tally.events,
    orders: tally.lines,
    seeds_per_s: Math.round(tally.runs / Math.max(seconds, 0.001)),
  },
  verdict: { ...tally.verdict },
  wrong: tally.wrong.sort((a, b) => a.seed - b.seed).map(({ what }) => what),
})
