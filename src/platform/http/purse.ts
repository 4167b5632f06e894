/** Time that may be spent: it fills slowly, holds little, and whoever finds it empty waits. */
export type Purse = {
  readonly isEmpty: () => boolean
  /** Takes what was used, milliseconds; the last one in may leave a debt behind. */
  readonly pay: (used_ms: number) => void
}

export type PurseRules = {
  /** Of the time that passes, so much comes in. */
  readonly share: number
  /** It holds no more: who comes now and then finds this much. */
  readonly most_ms: number
}

/** Opens a full purse. Nobody owes for more than `most_ms` at once: one who was held up must not shut out all others. */
export function openPurse(
  { share, most_ms }: PurseRules,
  now_ms: () => number = () => performance.now(),
): Purse {
  let held = most_ms
  let at = now_ms()
  const fill = (): void => {
    const now = now_ms()
    held = Math.min(most_ms, held + (now - at) * share)
    at = now
  }
  return {
    isEmpty: () => {
      fill()
      return held <= 0
    },
    pay: (used_ms) => {
      fill()
      held -= Math.min(used_ms, most_ms)
    },
  }
}
