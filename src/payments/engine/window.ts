/** How many calls may be in flight: grows while the rail answers fast, shrinks when it suffers. */
export type Window = {
  readonly size: () => number
  /** One answer: how long it took, whether the rail suffered, and whether the window was full. */
  readonly note: (latency_ms: number, suffered: boolean, full: boolean) => void
}

const LEAST = 4
const START = 16
/**
 * Latency may grow by this much over the best seen before the window stops growing: queueing, not distance. The slack is
 * wide enough for a busy machine that keeps a process waiting for its turn, and a real adapter's queue stays short.
 */
const SLACK_MS = 100
const SLACK_FACTOR = 3

/**
 * Additive increase (doubling while it is easy), multiplicative decrease, with the best latency seen lately as the
 * measure of ease. A real adapter's throughput has its knee at 16 calls; a far rail at 100 ms needs hundreds.
 */
export function openWindow(most: number): Window {
  let size = Math.min(START, most)
  let best = Number.POSITIVE_INFINITY
  let easy = true
  let since_cut = 0
  return {
    size: () => Math.max(1, Math.floor(size)),
    note(latency_ms, suffered, full) {
      since_cut += 1
      if (suffered) {
        // Once per window: the calls already in flight all tell of the same trouble.
        if (since_cut >= size) {
          size = Math.max(Math.min(LEAST, most), size * 0.7)
          since_cut = 0
        }
        easy = false
        return
      }
      best = Math.min(best * 1.001, latency_ms)
      const queued = latency_ms > best * SLACK_FACTOR + SLACK_MS
      if (queued) {
        easy = false
        // Queueing alone never narrows it below where it began: that would be waiting for nothing.
        if (size > START) size = Math.max(Math.min(START, most), size - 0.5 / size)
      } else if (full) size = Math.min(most, size + (easy ? 1 : 1 / size))
    },
  }
}
