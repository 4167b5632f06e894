/** `held` and `not reached` are said of a figure that has a bar; the others are shown for what they tell. */
export type Verdict = 'held' | 'not reached' | 'for information'

export type Figure = {
  /** Such as G1; figures without a bar may share the id of the one that they explain. */
  readonly id: string
  readonly what: string
  /** The median of the repetitions. */
  readonly measured: { readonly value: number; readonly unit: string; readonly better: Better }
  /** What this machine allows, measured by turns with the figure in the same run; `how` says by what. */
  readonly limit: { readonly value: number; readonly how: string } | null
  /** How near the limit it is: 1 is the limit itself, less is short of it, whichever way better lies. */
  readonly ratio: number | null
  readonly bar: Bar | null
  readonly verdict: Verdict
  readonly note: string
  readonly samples: { readonly measured: readonly number[]; readonly limit: readonly number[] }
}
type Better = 'higher' | 'lower'
/** A ratio must be at least its bar; a measured value must not be on the worse side of it. */
type Bar = { readonly on: 'ratio' | 'measured'; readonly value: number }

export type Measurement = {
  readonly id: string
  readonly what: string
  readonly unit: string
  readonly better: Better
  readonly samples: readonly number[]
  readonly limit?: { readonly samples: readonly number[]; readonly how: string }
  readonly bar?: Bar
  readonly note?: string
}

/** Makes a figure of what was measured. Throws when nothing was, or when a bar stands on a ratio without a limit. */
export function figure(one: Measurement): Figure {
  const value = median(one.samples)
  const limit = one.limit === undefined ? null : { value: median(one.limit.samples), how: one.limit.how }
  const ratio = limit === null ? null : one.better === 'higher' ? value / limit.value : limit.value / value
  const bar = one.bar ?? null
  return {
    id: one.id,
    what: one.what,
    measured: { value, unit: one.unit, better: one.better },
    limit,
    ratio,
    bar,
    verdict: bar === null ? 'for information' : reaches(one, bar, value, ratio) ? 'held' : 'not reached',
    note: one.note ?? '',
    samples: { measured: one.samples, limit: one.limit?.samples ?? [] },
  }
}

/** Written so that a value that is no number reaches nothing. */
function reaches(one: Measurement, bar: Bar, value: number, ratio: number | null): boolean {
  if (bar.on === 'measured') return one.better === 'higher' ? value >= bar.value : value <= bar.value
  if (ratio === null) throw new Error(`${one.id}: a bar on a ratio without a limit`)
  return ratio >= bar.value
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.ceil(sorted.length / 2) - 1]
  if (upper === undefined || lower === undefined) throw new Error('nothing was measured')
  return (upper + lower) / 2
}

/** True when no bar was missed. */
export const allHeld = (figures: readonly Figure[]): boolean =>
  figures.every((one) => one.verdict !== 'not reached')

const HEADINGS = ['', 'figure', 'measured', 'limit', 'ratio', 'bar', 'verdict']

/** The one table, in aligned columns, and below it what the limits are. */
export function textTable(figures: readonly Figure[]): string {
  const rows = [HEADINGS, ...figures.map(cellsOf)]
  const widths = widthsOf(rows)
  const lines = rows.map((row) => padded(row, widths).join('  ').trimEnd())
  return [...lines, '', ...remarks(figures).map((line) => `  ${line}`)].join('\n')
}

/** One figure in one line, for while the rest is still being measured. */
export const lineOf = (one: Figure): string =>
  cellsOf(one)
    .filter((cell) => cell !== '')
    .join('  ')

/** The same as Markdown, formatted as prettier does. */
export function markdownTable(figures: readonly Figure[]): string {
  const rows = [HEADINGS, ...figures.map(cellsOf)].map((row) =>
    row.map((cell) => cell.replaceAll('|', '\\|')),
  )
  const widths = widthsOf(rows).map((width) => Math.max(3, width))
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const [headings = '', ...body] = rows.map((row) => line(padded(row, widths)))
  const rule = line(widths.map((width) => '-'.repeat(width)))
  const below = remarks(figures).map((remark) => `- ${remark}`)
  return [headings, rule, ...body, ...(below.length === 0 ? [] : ['', ...below])].join('\n')
}

const padded = (row: readonly string[], widths: readonly number[]): string[] =>
  row.map((cell, i) => cell.padEnd(widths[i] ?? 0))

const widthsOf = (rows: readonly (readonly string[])[]): number[] =>
  HEADINGS.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))

function cellsOf({ id, what, measured, limit, ratio, bar, verdict }: Figure): string[] {
  const shown = (value: number): string => `${format(value)} ${measured.unit}`
  return [
    id,
    what,
    shown(measured.value),
    limit === null ? '' : shown(limit.value),
    ratio === null ? '' : ratio.toFixed(2),
    bar === null
      ? ''
      : bar.on === 'ratio'
        ? `ratio ≥ ${bar.value.toFixed(2)}`
        : `${measured.better === 'higher' ? '≥' : '≤'} ${shown(bar.value)}`,
    verdict,
  ]
}

function remarks(figures: readonly Figure[]): string[] {
  return figures.flatMap(({ id, what, limit, note }) => {
    const told = [...(limit === null ? [] : [`limit: ${limit.how}`]), ...(note === '' ? [] : [note])]
    return told.length === 0 ? [] : [`${id} ${what}: ${told.join('; ')}`]
  })
}

/** Three figures that mean something, with commas from a thousand on. */
export function format(value: number): string {
  if (!Number.isFinite(value)) return 'unknown'
  const size = Math.abs(value)
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2
  const text = value.toFixed(digits)
  return digits > 0 ? text.replace(/\.0+$/, '') : text.replace(/\B(?=(\d{3})+$)/g, ',')
}
