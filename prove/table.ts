import type { Result } from './result.ts'

/** A markdown table as prettier writes it. */
export function tableOf(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [head, ...rows.map((row) => row.map(String))]
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, i) => (row[i] ?? '').padEnd(width)).join(' | ')} |`
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [line(head), rule, ...cells.slice(1).map(line)].join('\n')
}

/** 12345 as 12,345: thousands are many here. */
const figure = (n: number): string => n.toLocaleString('en')

export const pairsTable = (what: string, pairs: Readonly<Record<string, number>>): string =>
  tableOf(
    [what, 'times'],
    Object.entries(pairs)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, n]) => [name, figure(n)]),
  )

const MOST_WRONG = 40

/** One campaign's run as markdown: the verdict, the faults that were injected, the places that were reached. */
export function tablesOf(result: Result, command: string): string {
  const { campaign, seed, runs, seconds, verdict, faults, covered, figures, wrong } = result
  const head = ['campaign', 'seed', 'runs', 'seconds', 'paid twice', 'lost', 'stuck', 'invariants', 'wrong']
  const { twice, lost, stuck, invariants } = verdict
  const row = [
    campaign,
    seed,
    figure(runs),
    Math.round(seconds),
    twice,
    lost,
    stuck,
    invariants,
    wrong.length,
  ]
  const parts = [`\`${command}\``, tableOf(head, [row])]
  if (Object.keys(figures).length > 0) parts.push(pairsTable('figure', figures))
  if (Object.keys(faults).length > 0) parts.push(pairsTable('kind of fault', faults))
  if (Object.keys(covered).length > 0) parts.push(pairsTable('place', covered))
  const shown = wrong.slice(0, MOST_WRONG).map((one) => `- seed ${seed}: ${one}`)
  if (wrong.length > MOST_WRONG) shown.push(`- and ${wrong.length - MOST_WRONG} more`)
  if (shown.length > 0) parts.push(shown.join('\n'))
  return parts.join('\n\n')
}
