type Timer = { readonly due_ms: number; readonly order: number; run: (() => void) | undefined }

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

/** Opens a clock that starts `offset_ms` ahead of real time. */
export function openClock(offset_ms = 0): Clock {
  const heap: Timer[] = []
  let offset = offset_ms
  let order = 0
  let real: NodeJS.Timeout | undefined
  let armed_for = Number.POSITIVE_INFINITY
  let stepping: number | undefined

  const now = (): number => stepping ?? Date.now() + offset
  const fire = (): void => {
    real = undefined
    armed_for = Number.POSITIVE_INFINITY
    runDue(Date.now() + offset)
    arm()
  }
  const runDue = (limit: number): void => {
    for (let next = heap[0]; next !== undefined && next.due_ms <= limit; next = heap[0]) {
      pop(heap)
      next.run?.()
    }
  }
  const arm = (): void => {
    const next = heap[0]
    if (next === undefined || next.due_ms >= armed_for) return
    if (real !== undefined) clearTimeout(real)
    armed_for = next.due_ms
    // A timer of Node may fire up to 1 ms early; one more keeps the promise «never before its time».
    const wait = Math.min(Math.max(next.due_ms - Date.now() - offset, 0) + 1, 2_000_000_000)
    real = setTimeout(fire, wait)
  }
  const at = (due_ms: number, run: () => void): Cancel => {
    const timer: Timer = { due_ms, order: order++, run }
    push(heap, timer)
    arm()
    return () => {
      timer.run = undefined
    }
  }
  const advance = (seconds: number): void => {
    const target = Date.now() + offset + seconds * 1000
    for (let next = heap[0]; next !== undefined && next.due_ms <= target; next = heap[0]) {
      pop(heap)
      stepping = Math.max(next.due_ms, Date.now() + offset)
      next.run?.()
    }
    stepping = undefined
    offset += seconds * 1000
    armed_for = Number.POSITIVE_INFINITY
    arm()
  }
  return {
    now,
    at,
    advance,
    after: (delay_ms, run) => at(now() + delay_ms, run),
    offset_ms: () => offset,
    close: () => {
      if (real !== undefined) clearTimeout(real)
      heap.length = 0
    },
  }
}

const before = (a: Timer | undefined, b: Timer | undefined): boolean =>
  a !== undefined && b !== undefined && (a.due_ms < b.due_ms || (a.due_ms === b.due_ms && a.order < b.order))

function swap(heap: Timer[], i: number, j: number): void {
  const a = heap[i]
  const b = heap[j]
  if (a === undefined || b === undefined) return
  heap[i] = b
  heap[j] = a
}

function push(heap: Timer[], timer: Timer): void {
  heap.push(timer)
  for (let i = heap.length - 1; i > 0;) {
    const parent = (i - 1) >> 1
    if (!before(heap[i], heap[parent])) return
    swap(heap, i, parent)
    i = parent
  }
}

function pop(heap: Timer[]): void {
  swap(heap, 0, heap.length - 1)
  heap.pop()
  for (let i = 0; ;) {
    const left = 2 * i + 1
    const least = before(heap[left + 1], heap[left]) ? left + 1 : left
    if (!before(heap[least], heap[i])) return
    swap(heap, i, least)
    i = least
  }
}
