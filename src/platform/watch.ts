import { setImmediate as turn } from 'node:timers/promises'
import type { Log } from './log.ts'

/** Fans out the state of rows to whoever watches them, with one read per row however many watch. */
export type Watch<S> = {
  /**
   * Calls `see` with the row's state soon (undefined: no such row), and again after each change. Answers the
   * function that stops it.
   */
  readonly watch: (id: string, see: (state: S | undefined) => void) => () => void
  /** News about one row: it is read again, at most once per `gap_ms`. */
  readonly touch: (id: string) => void
  /** News may have been missed: every watched row is read again. */
  readonly touchAll: () => void
  /** How many rows are watched. */
  readonly count: () => number
  readonly close: () => void
}

export type WatchOptions<S> = {
  /** Plain JSON, compared by its text. */
  readonly read: (id: string) => Promise<S | undefined>
  /** The same for many rows in one query; used when several wait. A row that is missing in the answer is unknown. */
  readonly readMany?: (ids: readonly string[]) => Promise<ReadonlyMap<string, S>>
  readonly log: Log
  /** Shortest time between two reads of one row: four a second. It grows with those who watch it. */
  readonly gap_ms?: number
  /** Every watched row is read this often even without news. */
  readonly reread_ms?: number
}

type Seer<S> = { readonly see: (state: S | undefined) => void; seen: string | undefined }
type Row<S> = {
  readonly id: string
  readonly seers: Set<Seer<S>>
  timer: NodeJS.Timeout | undefined
  reading: boolean
  /** News came while it was being read. */
  stale: boolean
  read_at: number
  /** How long it took to tell all who watch it, the last time. */
  telling_ms: number
}

/** Telling takes at most a tenth of the time: what is paid goes before what is shown, however many watch. */
const REST = 9

/** Reads at once, so that a thousand watched rows do not take every connection of the pool. */
const READS_AT_ONCE = 4
const ROWS_AT_ONCE = 500

/** Opens the hub. Resting watchers cost one timer together, and one read per row every `reread_ms`. */
export function openWatch<S>(options: WatchOptions<S>): Watch<S> {
  const rows = new Map<string, Row<S>>()
  const touchRow = reader(options)
  const touchAll = (): void => rows.forEach(touchRow)
  const timer = setInterval(touchAll, options.reread_ms ?? 5_000)
  timer.unref()
  return {
    watch: (id, see) => {
      const row = rows.get(id) ?? newRow<S>(id)
      rows.set(id, row)
      const seer: Seer<S> = { see, seen: undefined }
      row.seers.add(seer)
      touchRow(row)
      return () => {
        row.seers.delete(seer)
        if (row.seers.size > 0) return
        clearTimeout(row.timer)
        if (rows.get(id) === row) rows.delete(id)
      }
    },
    touch: (id) => {
      const row = rows.get(id)
      if (row !== undefined) touchRow(row)
    },
    touchAll,
    count: () => rows.size,
    close: () => {
      clearInterval(timer)
      for (const row of rows.values()) clearTimeout(row.timer)
      rows.clear()
    },
  }
}

/** Answers the function that has a row read: soon, never twice at once, never more often than `gap_ms`. */
function reader<S>(options: WatchOptions<S>): (row: Row<S>) => void {
  const { log, gap_ms = 250 } = options
  const batch = options.readMany === undefined ? 1 : ROWS_AT_ONCE
  const queue: Row<S>[] = []
  let running = 0
  const touchRow = (row: Row<S>): void => {
    if (row.reading) row.stale = true
    else if (row.timer === undefined) {
      const gap = Math.max(gap_ms, row.telling_ms * REST)
      const wait = Math.max(0, row.read_at + gap - performance.now())
      row.timer = setTimeout(enqueue, wait, row)
    }
  }
  const enqueue = (row: Row<S>): void => {
    row.timer = undefined
    row.reading = true
    queue.push(row)
    if (running < READS_AT_ONCE) void work()
  }
  const work = async (): Promise<void> => {
    running++
    await turn() // rows that fall due together are read together
    while (queue.length > 0) await readRows(queue.splice(0, batch))
    running--
  }
  const readRows = async (due: readonly Row<S>[]): Promise<void> => {
    // The last watcher may have left while the row waited for its turn; such a row is nobody's any more.
    const rows = due.filter((row) => row.seers.size > 0)
    if (rows.length === 0) return
    for (const row of rows) row.stale = false
    // A read that fails is tried again with the next round; the watchers keep what they have.
    await statesOf(options, rows)
      .then((states) => rows.forEach((row, i) => show(row, states[i])))
      .catch((err: unknown) => log.warn({ err, rows: rows.length }, 'watched rows could not be read'))
    for (const row of rows) {
      row.reading = false
      row.read_at = performance.now()
      if (row.seers.size > 0 && row.stale) touchRow(row)
    }
  }
  return touchRow
}

async function statesOf<S>(
  { read, readMany }: WatchOptions<S>,
  rows: readonly Row<S>[],
): Promise<readonly (S | undefined)[]> {
  const [only] = rows
  if (readMany === undefined || rows.length === 1) return only === undefined ? [] : [await read(only.id)]
  const states = await readMany(rows.map(({ id }) => id))
  return rows.map(({ id }) => states.get(id))
}

const newRow = <S>(id: string): Row<S> => ({
  id,
  seers: new Set(),
  timer: undefined,
  reading: false,
  stale: false,
  read_at: -Infinity,
  telling_ms: 0,
})

function show<S>(row: Row<S>, state: S | undefined): void {
  const text = JSON.stringify(state) ?? 'undefined'
  const started = performance.now()
  for (const seer of row.seers) {
    if (seer.seen === text) continue
    seer.seen = text
    seer.see(state)
  }
  row.telling_ms = performance.now() - started
}
