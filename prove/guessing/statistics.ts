/** The middle value, or the mean of the two in the middle; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN
  return (upper + lower) / 2
}

/**
 * How likely two samples of one and the same thing differ at least as much in rank as these do (Mann-Whitney, two-sided): by the
 * normal approximation with its correction for ties, good from some twenty values each.
 */
export function mannWhitney(a: readonly number[], b: readonly number[]): number {
  const all = [...a.map((value) => ({ value, mine: true })), ...b.map((value) => ({ value, mine: false }))]
  all.sort((x, y) => x.value - y.value)
  let [rank_sum, ties] = [0, 0]
  for (let from = 0; from < all.length;) {
    let to = from
    while (to < all.length && all[to]?.value === all[from]?.value) to++
    const equal = to - from
    // Ranks begin at 1; equal values share the mean of theirs.
    rank_sum += all.slice(from, to).filter(({ mine }) => mine).length * ((from + 1 + to) / 2)
    ties += equal ** 3 - equal
    from = to
  }
  const [m, n, all_n] = [a.length, b.length, all.length]
  const u = rank_sum - (m * (m + 1)) / 2
  const variance = ((m * n) / 12) * (all_n + 1 - ties / (all_n * (all_n - 1)))
  if (!(variance > 0)) return 1
  const z = Math.max(0, Math.abs(u - (m * n) / 2) - 0.5) / Math.sqrt(variance)
  return erfc(z / Math.SQRT2)
}

/**
 * How likely pairs of one and the same thing lean at least so far to one side (sign test, two-sided): what slows a whole pair
 * does not blur it. By the normal approximation; ties say nothing.
 */
export function signTest(pairs: readonly (readonly [number, number])[]): number {
  const above = pairs.filter(([a, b]) => a > b).length
  const below = pairs.filter(([a, b]) => a < b).length
  const n = above + below
  if (n === 0) return 1
  return erfc(Math.max(0, Math.abs(above - n / 2) - 0.5) / Math.sqrt(n / 4) / Math.SQRT2)
}

/** The standard error of the difference of two medians of so many values each, by the spread of the middle half of both. */
export function medianError(a: readonly number[], b: readonly number[]): number {
  const of = (values: readonly number[]): number => {
    const sorted = values.toSorted((x, y) => x - y)
    const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN
    // Of a normal variable: 1.349 deviations lie between the quartiles; a median errs 1.2533 times as far as a mean.
    return (1.2533 * (at(0.75) - at(0.25))) / 1.349 / Math.sqrt(sorted.length)
  }
  return Math.hypot(of(a), of(b))
}

/** The complementary error function (Abramowitz and Stegun 7.1.26: wrong by 1.5e-7 at most). */
function erfc(x: number): number {
  const t = 1 / (1 + 0.3275911 * x)
  const series =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
  return series * Math.exp(-x * x)
}

/** The least k that a Poisson variable of this mean exceeds with a probability below `p`. */
export function poissonBound(mean: number, p: number): number {
  let term = Math.exp(-mean)
  let sum = term
  let k = 0
  while (1 - sum >= p) {
    k += 1
    term *= mean / k
    sum += term
  }
  return k
}
