import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Result, Verdict } from './result.ts'
import { pairsTable, tableOf } from './table.ts'

/** One run that is kept: what was tried, with the command that does it again. */
export type Kept = Result & { readonly date: string; readonly command: string }

export type Totals = Pick<
  Result,
  'campaign' | 'runs' | 'seconds' | 'faults' | 'covered' | 'figures' | 'verdict'
> & {
  readonly times: number
  readonly wrong: number
}

const FOLDER = fileURLToPath(new URL('../docs/proof', import.meta.url))

/** Adds the run to `record.json` and writes `record.md` anew from all that is in it. */
export function addToRecord(result: Result, command: string, folder = FOLDER, now = new Date()): void {
  const path = join(folder, 'record.json')
  const kept = [...readRecord(path), { date: now.toISOString().slice(0, 10), command, ...result }]
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify({ runs: kept }, undefined, 2)}\n`)
  writeFileSync(join(folder, 'record.md'), pageOf(kept))
}

/** The runs that are kept; none when there is no record yet. Throws when the file is not one. */
export function readRecord(path: string): Kept[] {
  if (!existsSync(path)) return []
  const { runs } = JSON.parse(readFileSync(path, 'utf8')) as { runs?: Kept[] }
  if (!Array.isArray(runs)) throw new Error(`${path} is not a record of runs`)
  return runs
}

/** The runs of one campaign added up; of figures that are not sums, the worst or the last run's stands. */
export function totalOf(runs: readonly Kept[]): Totals {
  const verdict = { twice: 0, lost: 0, stuck: 0, invariants: 0 }
  for (const run of runs)
    for (const word of Object.keys(verdict) as (keyof Verdict)[]) verdict[word] += run.verdict[word]
  const faults = sum(runs.map((run) => run.faults))
  const covered = sum(runs.map((run) => run.covered))
  const figures = runs.map((run) => run.figures)
  return {
    campaign: runs[0]?.campaign ?? '',
    times: runs.length,
    runs: runs.reduce((all, run) => all + run.runs, 0),
    seconds: runs.reduce((all, run) => all + run.seconds, 0),
    faults,
    covered,
    figures: { ...sum(figures), ...notSums(figures), ...reached(figures, covered) },
    verdict,
    wrong: runs.reduce((all, run) => all + run.wrong.length, 0),
  }
}

/** The longest that was seen. */
const WORST = /_max_ms$/
/** Rates, shares, limits and counts of kinds. */
const LAST = /a minute|a second|_s$|_ms$|_us$|_mb$|_p$|_percent|^accounts$|^load|at_once|^crash points$/

function notSums(runs: readonly Result['figures'][]): Record<string, number> {
  const found: Record<string, number> = {}
  for (const [name, value] of runs.flatMap((figures) => Object.entries(figures)))
    if (WORST.test(name)) found[name] = Math.max(found[name] ?? value, value)
    else if (LAST.test(name)) found[name] = value
  return found
}

/** A place that two runs reached is one place, and a point under two weathers is one point. */
function reached(
  figures: readonly Result['figures'][],
  covered: Readonly<Record<string, number>>,
): Record<string, number> {
  if (!figures.some((one) => 'crash points reached' in one)) return {}
  const names = Object.keys(covered).filter((place) => (covered[place] ?? 0) > 0)
  const points = new Set(names.map((place) => place.split(' ')[0]))
  return { 'crash points reached': points.size, places: names.length }
}

function sum(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {}
  for (const one of all) for (const [name, n] of Object.entries(one)) total[name] = (total[name] ?? 0) + n
  return total
}

/** The page: every run with its command, then what they come to for each campaign. */
export function pageOf(kept: readonly Kept[]): string {
  const runs = kept.map(({ date, campaign, seed, runs: n, seconds, verdict, wrong, command }) => [
    date,
    campaign,
    seed,
    n,
    Math.round(seconds),
    verdict.twice,
    verdict.lost,
    verdict.stuck,
    verdict.invariants,
    wrong.length,
    `\`${command}\``,
  ])
  const heads = [
    'date',
    'campaign',
    'seed',
    'runs',
    'seconds',
    'twice',
    'lost',
    'stuck',
    'invariants',
    'wrong',
  ]
  const campaigns = [...Map.groupBy(kept, (run) => run.campaign).values()].map(totalOf)
  const kinds = new Set(campaigns.flatMap(({ faults }) => Object.keys(faults))).size
  const parts = [
    '# The recorded runs',
    'This page is made by `npm run prove -- … --resume` from `record.json` beside it; what the words mean stands in\n[Proof](../proof.md). Each command does its run again.',
    tableOf([...heads, 'command'], runs),
    `Together they injected ${kinds} kinds of fault.`,
    ...campaigns.flatMap(sectionOf),
  ]
  return `${parts.join('\n\n')}\n`
}

function sectionOf(total: Totals): string[] {
  const { campaign, times, runs, seconds, verdict, figures, faults, covered } = total
  const said = `${times} ${times === 1 ? 'run' : 'runs'}, ${runs} in all, ${Math.round(seconds)} s; paid twice ${verdict.twice}, lost ${verdict.lost}, stuck ${verdict.stuck}, invariants ${verdict.invariants}.`
  const tables = [
    ['figure', figures],
    ['kind of fault', faults],
    ['place', covered],
  ] as const
  return [
    `## ${campaign}`,
    said,
    ...tables.flatMap(([what, pairs]) => (Object.keys(pairs).length > 0 ? [pairsTable(what, pairs)] : [])),
  ]
}
