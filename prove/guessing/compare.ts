import { mannWhitney, median, medianError, signTest } from './statistics.ts'
import type { Tells } from './surfaces.ts'

/** Milliseconds of each answer, pair by pair, and all answers: status, headers and body without what is any answer's own. */
export type Seen = {
  readonly known: number[]
  readonly unknown: number[]
  readonly answers: (readonly [known: string, unknown: string])[]
}

/** Below it nobody measures anything over a network; and never less than the noise of this machine. */
const MOST_DIFFERENCE_MS = 2
const ERRORS = 4
/** Twelve questions are asked of a run (two tests of six surfaces): one run in a hundred may be that unlucky without any fault. */
const LEAST_P = 0.001

/** What a surface told: figures, and what is wrong in words; nothing when known and unknown cannot be told apart. */
export function judgeSurface(
  name: string,
  { known, unknown, answers }: Seen,
  tells?: Tells,
): { readonly figures: Record<string, number>; readonly wrong: readonly string[] } {
  const differ = answers.filter(([of_known, of_unknown]) => of_known !== of_unknown)
  const apart = median(known) - median(unknown)
  const p = mannWhitney(known, unknown)
  const sign = signTest(known.map((ms, i) => [ms, unknown[i] ?? Number.NaN] as const))
  const noise = ERRORS * medianError(known, unknown)
  const counted = { [`${name}_pairs`]: known.length, [`${name}_answers_differ`]: differ.length }
  const timed = {
    [`${name}_known_median_ms`]: rounded(median(known)),
    [`${name}_unknown_median_ms`]: rounded(median(unknown)),
    [`${name}_medians_apart_ms`]: rounded(apart),
    [`${name}_mann_whitney_p`]: rounded(p),
    [`${name}_sign_test_p`]: rounded(sign),
  }
  const figures = known.length === 0 ? counted : { ...counted, ...timed }
  if (tells !== undefined) {
    const others = answers.filter(([a, b]) => !a.startsWith(tells.known) || !b.startsWith(tells.unknown))
    const wrong = others.slice(0, 5).map((pair) => `${name}: not as the contract says: ${pair.join(' ≠ ')}`)
    return { figures, wrong }
  }
  const wrong = differ.slice(0, 5).map((pair) => `${name}: answers that differ: ${pair.join(' ≠ ')}`)
  if (known.length === 0) wrong.push(`${name}: nothing was timed`)
  if (Math.abs(apart) > Math.max(MOST_DIFFERENCE_MS, noise))
    wrong.push(`${name}: the medians are ${apart.toFixed(3)} ms apart`)
  if (p < LEAST_P) wrong.push(`${name}: the times tell known from unknown (Mann-Whitney p = ${p})`)
  if (sign < LEAST_P) wrong.push(`${name}: the times tell known from unknown (sign test p = ${sign})`)
  return { figures, wrong }
}

const rounded = (value: number): number => Math.round(value * 10_000) / 10_000
