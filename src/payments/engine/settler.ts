import type { SettledRow } from '../sql/engine.ts'
import type { Outcome } from './outcome.ts'
import { commit, settleSet, type SettlerDeps, type Waiting } from './settle-set.ts'
import type { LiveRange } from './task.ts'

/** Collects outcomes and settles them in sets. */
export type Settler = {
  readonly add: (
    outcome: Outcome,
    token: bigint,
    range?: LiveRange,
    onSettled?: (changed: boolean) => void,
  ) => void
  readonly backlog: () => number
  /** Resolves when everything added so far is settled. Throws when the deadline passes first. */
  readonly drain: (deadline_ms: number) => Promise<void>
}

const SET_SIZE = 1_000
const SET_PAUSE_MS = 50
/** A quote holds up its call: it waits only for those that come with it. */
const QUOTE_PAUSE_MS = 5
/** Not even a review could be written down: the line is tried again after this. */
const LATER_MS = 30_000

export function openSettler(deps: SettlerDeps): Settler {
  const { clock } = deps
  let waiting: Waiting[] = []
  let settling = 0
  let timer: { readonly stop: () => void; readonly pause_ms: number } | undefined
  let running: Promise<void> | undefined
  const finished = openFinished()

  const start = (): void => {
    timer?.stop()
    timer = undefined
    running ??= run().finally(() => {
      running = undefined
      if (waiting.length > 0) schedule(waiting.some(isQuote))
    })
  }
  const schedule = (soon: boolean): void => {
    const pause_ms = soon ? QUOTE_PAUSE_MS : SET_PAUSE_MS
    if (waiting.length >= SET_SIZE) start()
    else if (timer === undefined || timer.pause_ms > pause_ms) {
      timer?.stop()
      timer = { stop: clock.after(pause_ms, start), pause_ms }
    }
  }
  const run = async (): Promise<void> => {
    while (waiting.length > 0) {
      const { set, left } = takeSet(waiting)
      waiting = left
      settling = set.length
      const failed = await settleSet(deps, set, finished.of, finished.note)
      settling = 0
      if (failed.length > 0) clock.after(LATER_MS, () => failed.forEach(push), 'idle')
      if (waiting.length < SET_SIZE) return
    }
  }
  const push = (item: Waiting): void => {
    waiting.push(item)
    schedule(isQuote(item))
  }
  return {
    add: (outcome, token, range, onSettled) => push({ outcome, token, range, onSettled }),
    backlog: () => waiting.length + settling,
    async drain(deadline_ms) {
      const until = clock.now() + deadline_ms
      while (waiting.length > 0 || running !== undefined) {
        if (clock.now() > until)
          throw new Error(`${waiting.length + settling} outcomes could not be settled in time`)
        start()
        await Promise.race([running, clock.sleep(100)])
      }
      for (const token of finished.tokens()) await commit(deps, [], finished.of, token)
    },
  }
}

const isQuote = ({ outcome }: Waiting): boolean => outcome.word === 'QUOTED'

/** One token, and at most one outcome per line, in a set: the second waits for the next one. */
function takeSet(waiting: readonly Waiting[]): { set: Waiting[]; left: Waiting[] } {
  const seen = new Set<string>()
  const token = waiting[0]?.token
  const set: Waiting[] = []
  const left: Waiting[] = []
  for (const item of waiting) {
    const key = keyOf(item.outcome)
    if (set.length >= SET_SIZE * 2 || seen.has(key) || item.token !== token) left.push(item)
    else set.push(item)
    seen.add(key)
  }
  return { set, left }
}

const keyOf = (line: { readonly batch_id: bigint; readonly seq: number }): string =>
  `${line.batch_id}:${line.seq}`

type Finished = {
  readonly of: (token: bigint) => bigint[]
  readonly tokens: () => Set<bigint>
  readonly note: (set: readonly Waiting[], changed: readonly SettledRow[]) => void
}

/** Ranges with nothing pending, each with the token under which its last line was asked; written with the next set. */
function openFinished(): Finished {
  let finished: { readonly id: bigint; readonly token: bigint }[] = []
  return {
    of: (token: bigint): bigint[] =>
      finished.filter((range) => range.token === token).map((range) => range.id),
    tokens: (): Set<bigint> => new Set(finished.map((range) => range.token)),
    /** After a commit: what was finished is written, and this set may have finished more. */
    note: (set: readonly Waiting[], changed: readonly SettledRow[]): void => {
      finished = []
      const keys = set.some((item) => item.onSettled !== undefined) ? new Set(changed.map(keyOf)) : undefined
      for (const { outcome, token, range, onSettled } of set) {
        if (range !== undefined && outcome.word !== 'QUOTED') {
          range.pending.delete(outcome.seq)
          if (range.pending.size === 0) finished.push(...range.ids.map((id) => ({ id, token })))
        }
        onSettled?.(keys?.has(keyOf(outcome)) ?? false)
      }
    },
  }
}
