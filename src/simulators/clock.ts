import { openTimerHeap } from './timer-heap.ts'

/** Cancels what `after` planned; harmless when it already ran. */
export type Cancel = () => void

/**
 * The sandbox's own time: real time plus an offset that only grows. Timers planned on it run when real time passes, or
 * at once, in their order and each seeing its own due time, when the clock is advanced.
 */
export type Clock = {
  /** Milliseconds since 1970, as the outside world sees them. */
  readonly now: () => number
  readonly after: (delay_ms: number, run: () => void) => Cancel
  readonly at: (due_ms: number, run: () => void) => Cancel
  readonly advance: (seconds: number) => void
  readonly offset_ms: () => number
  readonly close: () => void
}

/** The longest wait that Node's timers take, less a margin. */
const LONGEST_MS = 2_000_000_000

/** Opens a clock that starts `offset_ms` ahead of real time. */
export function openClock(offset_ms = 0): Clock {
  const heap = openTimerHeap()
  let offset = offset_ms
  let real: NodeJS.Timeout | undefined
  let armed_for = Number.POSITIVE_INFINITY
  let stepping: number | undefined

  const now = (): number => stepping ?? Date.now() + offset
  const arm = (): void => {
    const due_ms = heap.next()
    if (due_ms === undefined || due_ms >= armed_for) return
    if (real !== undefined) clearTimeout(real)
    armed_for = due_ms
    // A timer of Node may fire up to 1 ms early; one more keeps the promise «never before its time».
    real = setTimeout(fire, Math.min(Math.max(due_ms - Date.now() - offset, 0) + 1, LONGEST_MS))
  }
  const fire = (): void => {
    armed_for = Number.POSITIVE_INFINITY
    heap.runUntil(Date.now() + offset, () => undefined)
    arm()
  }
  const at = (due_ms: number, run: () => void): Cancel => {
    const cancel = heap.add(due_ms, run)
    arm()
    return cancel
  }
  const advance = (seconds: number): void => {
    try {
      heap.runUntil(Date.now() + offset + seconds * 1000, (due_ms) => {
        stepping = Math.max(due_ms, Date.now() + offset)
      })
    } finally {
      stepping = undefined
      offset += seconds * 1000
      armed_for = Number.POSITIVE_INFINITY
      arm()
    }
  }
  return {
    now,
    at,
    advance,
    after: (delay_ms, run) => at(now() + delay_ms, run),
    offset_ms: () => offset,
    close: () => {
      if (real !== undefined) clearTimeout(real)
      heap.clear()
    },
  }
}
