/**
 * Work waiting to be sent, one at a time per payee: two payments to the same payee at once can wedge a real adapter
 * for good (Mojaloop SDK 18), and two answers about one person would be hard to tell apart.
 */
export type Queue<T> = {
  readonly push: (item: T) => void
  /** Puts an item back in front: it was taken but not sent. */
  readonly back: (item: T) => void
  /** The next item whose payee is free; marks the payee busy until `done`. */
  readonly take: () => T | undefined
  readonly done: (item: T) => void
  readonly length: () => number
  /** How many that match were not taken yet; those behind a busy payee do not count. */
  readonly count: (matches: (item: T) => boolean) => number
  /** Takes out what matches and was not sent. */
  readonly remove: (matches: (item: T) => boolean) => T[]
}

export function openQueue<T>(payeeOf: (item: T) => string): Queue<T> {
  let ready: T[] = []
  let head = 0
  /** Payees with a call in flight, and the items that wait for them: mostly none. */
  const busy = new Map<string, T[] | undefined>()
  let waiting = 0

  const compact = (): void => {
    if (head > 1_000 && head * 2 > ready.length) {
      ready = ready.slice(head)
      head = 0
    }
  }
  const putInFront = (item: T): void => {
    if (head > 0) ready[--head] = item
    else ready.unshift(item)
  }
  return {
    push: (item) => void ready.push(item),
    back: putInFront,
    take() {
      while (head < ready.length) {
        const item = ready[head++]
        compact()
        if (item === undefined) continue
        const payee = payeeOf(item)
        if (!busy.has(payee)) {
          busy.set(payee, undefined)
          return item
        }
        const behind = busy.get(payee)
        if (behind === undefined) busy.set(payee, [item])
        else behind.push(item)
        waiting += 1
      }
      return undefined
    },
    done(item) {
      const behind = busy.get(payeeOf(item))
      busy.delete(payeeOf(item))
      // They go to the front: they have waited the longest.
      for (const next of behind?.reverse() ?? []) {
        waiting -= 1
        putInFront(next)
      }
    },
    length: () => ready.length - head + waiting,
    count: (matches) => countFrom(ready, head, matches),
    remove(matches) {
      const out: T[] = []
      const keep = (item: T): boolean => !(matches(item) && out.push(item) > 0)
      ready = ready.slice(head).filter(keep)
      head = 0
      for (const [payee, behind] of busy) {
        if (behind === undefined) continue
        const kept = behind.filter(keep)
        waiting -= behind.length - kept.length
        busy.set(payee, kept)
      }
      return out
    },
  }
}

function countFrom<T>(items: readonly T[], from: number, matches: (item: T) => boolean): number {
  let n = 0
  for (let i = from; i < items.length; i++) {
    const item = items[i]
    if (item !== undefined && matches(item)) n += 1
  }
  return n
}
