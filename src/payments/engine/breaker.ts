/** Stops calling a rail that fails again and again, and lets one line try after a rest. */
export type Breaker = {
  /** How many calls the breaker allows in flight now: all, one, or none. */
  readonly allowed: (now_ms: number) => number
  readonly note: (now_ms: number, failed: boolean) => void
  /** Opens at once for a given rest: the rail said that something is wrong with us. */
  readonly open: (now_ms: number, rest_ms: number) => void
  /** An operator's word: one line may try now. */
  readonly halfOpen: () => void
  readonly state: () => 'CLOSED' | 'OPEN' | 'HALF_OPEN'
}

const FAILURES = 5

export function openBreaker(rest_ms: number): Breaker {
  let failures = 0
  let state: 'CLOSED' | 'OPEN' | 'HALF_OPEN' = 'CLOSED'
  let until = 0
  const open = (now: number, rest: number): void => {
    state = 'OPEN'
    until = now + rest
  }
  return {
    allowed(now) {
      if (state === 'OPEN' && now >= until) state = 'HALF_OPEN'
      return state === 'CLOSED' ? Number.POSITIVE_INFINITY : state === 'HALF_OPEN' ? 1 : 0
    },
    note(now, failed) {
      if (!failed) {
        failures = 0
        // Answers of calls that left before it opened say nothing about now.
        if (state === 'HALF_OPEN') state = 'CLOSED'
        return
      }
      failures += 1
      if (state === 'HALF_OPEN' || failures >= FAILURES) open(now, rest_ms)
    },
    open,
    halfOpen: () => void (state = 'HALF_OPEN'),
    state: () => state,
  }
}
