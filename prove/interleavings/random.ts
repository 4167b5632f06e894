/** A stream of choices that a seed repeats exactly. */
export type Random = {
  /** From 0 up to but not including 1. */
  readonly next: () => number
  /** A whole number from 0 up to but not including `n`. */
  readonly below: (n: number) => number
  readonly chance: (probability: number) => boolean
  /** One of them; throws when there is none. */
  readonly pick: <T>(of: readonly T[]) => T
}

/** Mulberry32: 32 bits of state, a full period of 2^32; enough to vary schedules, not to keep secrets. */
export function openRandom(seed: number): Random {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (n: number): number => Math.floor(next() * n)
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    pick: <T>(of: readonly T[]): T => {
      const one = of[below(of.length)]
      if (one === undefined) throw new Error('nothing to pick from')
      return one
    },
  }
}
