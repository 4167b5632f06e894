/**
 * Spreads calls so that no more than `rate_per_s` begin in a second: each asks how long it must wait, in milliseconds,
 * and has its place by asking. 0: no limit.
 */
export function openPace(
  rate_per_s: number,
  now: () => number = () => performance.now(),
): { readonly wait_ms: () => number } {
  const step_ms = rate_per_s > 0 ? 1_000 / rate_per_s : 0
  let next = Number.NEGATIVE_INFINITY
  return {
    wait_ms: () => {
      const asked_at = now()
      const at = Math.max(asked_at, next)
      next = at + step_ms
      return at - asked_at
    },
  }
}
