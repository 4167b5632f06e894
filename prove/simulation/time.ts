import type { Random } from './random.ts'

/** Virtual time: nothing happens but the events of a heap, ordered by time and then by a seeded number. */
export type Time = {
  /** Milliseconds since the world began. */
  readonly now: () => number
  /** Calls so many milliseconds later; the answer calls it off. The label names the event in the world's hash. */
  readonly after: (ms: number, label: string, call: () => void) => () => void
  /** Lets events happen, one at a time, each with all that follows from it, until one is beyond the end or `enough`. */
  readonly run: (end_ms: number, enough: () => boolean) => Promise<void>
  /** Folds something that happened into the hash. */
  readonly mark: (word: string) => void
  readonly hash: () => number
  readonly events: () => number
}

type Entry = { at: number; readonly tie: number; readonly label: string; call: (() => void) | undefined }

const isBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.tie < b.tie)

export function openTime(random: Random): Time {
  const heap: Entry[] = []
  let now = 0
  let hash = 0x811c9dc5
  let events = 0
  const fold = (value: number): void => {
    hash = Math.imul(hash ^ value, 0x01000193)
  }
  const mark = (word: string): void => {
    for (let i = 0; i < word.length; i++) fold(word.charCodeAt(i))
  }
  const happen = (entry: Entry): void => {
    const { call } = entry
    if (call === undefined) return
    entry.call = undefined
    now = entry.at
    events += 1
    fold(Math.floor(now * 16))
    mark(entry.label)
    call()
  }
  return {
    now: () => now,
    mark,
    hash: () => hash >>> 0,
    events: () => events,
    after(ms, label, call) {
      const entry: Entry = { at: now + Math.max(0, ms), tie: random.next(), label, call }
      push(heap, entry)
      return () => {
        entry.call = undefined
      }
    },
    run: (end_ms, enough) =>
      new Promise((resolve, reject) => {
        const step = (): void => {
          try {
            const entry = enough() ? undefined : pop(heap)
            if (entry === undefined || entry.at > end_ms) return resolve()
            happen(entry)
            // A tick comes after all microtasks: everything that follows from this event has then happened.
            queueMicrotask(() => process.nextTick(step))
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)))
          }
        }
        process.nextTick(step)
      }),
  }
}

function push(heap: Entry[], entry: Entry): void {
  let at = heap.length
  heap.push(entry)
  while (at > 0) {
    const up = (at - 1) >> 1
    const parent = heap[up]
    if (parent === undefined || !isBefore(entry, parent)) break
    heap[at] = parent
    at = up
  }
  heap[at] = entry
}

function pop(heap: Entry[]): Entry | undefined {
  const top = heap[0]
  const last = heap.pop()
  if (top === undefined || last === undefined || heap.length === 0) return top
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    const left = heap[child]
    const right = heap[child + 1]
    if (left === undefined) break
    let least = left
    if (right !== undefined && isBefore(right, left)) {
      least = right
      child += 1
    }
    if (!isBefore(least, last)) break
    heap[at] = least
    at = child
  }
  heap[at] = last
  return top
}
