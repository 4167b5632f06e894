import type { Common } from './group.ts'

/** The result, on standard output: one JSON document for programs, or text for people. */
export function print(options: Common, document: object, text: () => string): void {
  process.stdout.write(options.json ? `${JSON.stringify(document, null, 2)}\n` : `${text()}\n`)
}

/** What goes on besides the result, on standard error. */
export const remark = (text: string): void => void process.stderr.write(`${text}\n`)

/** Rows under their headings, in columns of equal width; `right` names the columns of numbers. */
export function columns(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly string[] = [],
): string {
  const all = [headings, ...rows.map((row) => row.map(onOneLine))]
  const widths = headings.map((_, i) => Math.max(...all.map((row) => (row[i] ?? '').length)))
  const lines = all.map((row) =>
    widths
      .map((width, i) =>
        right.includes(headings[i] ?? '') ? (row[i] ?? '').padStart(width) : (row[i] ?? '').padEnd(width),
      )
      .join('  ')
      .trimEnd(),
  )
  return lines.join('\n')
}

/** Control characters of a database or a file must not reach the terminal as such. */
const onOneLine = (cell: string): string => cell.replaceAll(/\p{Cc}+/gu, ' ')
