type Timer = { readonly due_ms: number; readonly order: number; run: (() => void) | undefined }

/** Timers by due time (then by age), in a binary heap. */
export type TimerHeap = {
  /** Gives the function that cancels it. */
  readonly add: (due_ms: number, run: () => void) => () => void
  readonly next: () => number | undefined
  /** Runs all that is due up to `limit_ms`, what they add included; `before` hears each due time first. */
  readonly runUntil: (limit_ms: number, before: (due_ms: number) => void) => void
  readonly clear: () => void
}

export function openTimerHeap(): TimerHeap {
  const heap: Timer[] = []
  let order = 0
  return {
    add: (due_ms, run) => {
      const timer: Timer = { due_ms, order: order++, run }
      push(heap, timer)
      return () => {
        timer.run = undefined
      }
    },
    next: () => heap[0]?.due_ms,
    runUntil: (limit_ms, before) => {
      for (let timer = heap[0]; timer !== undefined && timer.due_ms <= limit_ms; timer = heap[0]) {
        pop(heap)
        if (timer.run === undefined) continue
        before(timer.due_ms)
        timer.run()
      }
    },
    clear: () => {
      heap.length = 0
    },
  }
}

const isBefore = (a: Timer | undefined, b: Timer | undefined): boolean =>
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
    if (!isBefore(heap[i], heap[parent])) return
    swap(heap, i, parent)
    i = parent
  }
}

function pop(heap: Timer[]): void {
  swap(heap, 0, heap.length - 1)
  heap.pop()
  for (let i = 0; ;) {
    const left = 2 * i + 1
    const least = isBefore(heap[left + 1], heap[left]) ? left + 1 : left
    if (!isBefore(heap[least], heap[i])) return
    swap(heap, i, least)
    i = least
  }
}
