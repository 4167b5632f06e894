/** How many calls were started lately: what a claim must hold so that the next one can be committed meanwhile. */
export type Pace = {
  readonly note: (now_ms: number) => void
  /** The calls of the last whole span, or of this one when they are more already. */
  readonly lately: (now_ms: number) => number
}

/** A claim may wait for a set that is being settled, and needs this long on a busy machine. */
const SPAN_MS = 200

export function openPace(): Pace {
  let span = 0
  let calls = 0
  let before = 0
  const turnTo = (now_ms: number): void => {
    const now = Math.floor(now_ms / SPAN_MS)
    if (now === span) return
    before = now === span + 1 ? calls : 0
    span = now
    calls = 0
  }
  return {
    note(now_ms) {
      turnTo(now_ms)
      calls += 1
    },
    lately(now_ms) {
      turnTo(now_ms)
      return Math.max(before, calls)
    },
  }
}
