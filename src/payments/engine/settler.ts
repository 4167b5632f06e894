import { CommitUnknown, sqlState, type Db } from '../../platform/db.ts'
import type { Log } from '../../platform/log.ts'
import type { BatchInfo, SettledRow } from '../sql/engine.ts'
import type { Outcome } from './outcome.ts'
import { settle, type PurposeHandler } from './settle.ts'
import type { LiveRange } from './task.ts'

export type SettlerDeps = {
  readonly db: Db
  readonly log: Log
  readonly connection_id: string
  readonly batch: (id: bigint) => BatchInfo
  readonly handlers: Readonly<Record<string, PurposeHandler>>
}

/** Called once the outcome is committed; `changed` is false when the line had moved on before. */
type OnSettled = (changed: boolean) => void
type Waiting = {
  readonly outcome: Outcome
  /** The token under which the question was asked: a lease taken again must not carry an older worker's refusal. */
  readonly token: bigint
  readonly range: LiveRange | undefined
  readonly then: OnSettled | undefined
}

/** Collects outcomes and settles them in sets. */
export type Settler = {
  readonly add: (outcome: Outcome, token: bigint, range?: LiveRange, then?: OnSettled) => void
  readonly backlog: () => number
  /** Resolves when everything added so far is settled. Throws when the deadline passes first. */
  readonly drain: (deadline_ms: number) => Promise<void>
}

const SET_SIZE = 1_000
const SET_PAUSE_MS = 50
/** The database is away, busy or shutting down: the same set is tried again. Settling twice settles once. */
const TRANSIENT = /^(08...|53...|55P03|57...|40...|25P0[23])$/
const TRIES = 60

export function openSettler(deps: SettlerDeps): Settler {
  let waiting: Waiting[] = []
  let settling = 0
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  /** Ranges with nothing pending, each with the token under which its last line was asked. */
  let finished: { readonly id: bigint; readonly token: bigint }[] = []

  const start = (): void => {
    clearTimeout(timer)
    timer = undefined
    running ??= run().finally(() => {
      running = undefined
      if (waiting.length > 0) schedule()
    })
  }
  const schedule = (): void => {
    if (waiting.length >= SET_SIZE) start()
    else timer ??= setTimeout(start, SET_PAUSE_MS)
  }

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const set = takeSet()
      settling = set.length
      await settleSet(set)
      settling = 0
      if (waiting.length < SET_SIZE) return
    }
  }

  /** One token, and at most one outcome per line, in a set: the second waits for the next one. */
  function takeSet(): Waiting[] {
    const seen = new Set<string>()
    const token = waiting[0]?.token
    const set: Waiting[] = []
    const left: Waiting[] = []
    for (const item of waiting) {
      const key = `${item.outcome.batch_id}:${item.outcome.seq}`
      if (set.length >= SET_SIZE * 2 || seen.has(key) || item.token !== token) left.push(item)
      else set.push(item)
      seen.add(key)
    }
    waiting = left
    return set
  }

  async function settleSet(set: readonly Waiting[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return after(set, await commit(set))
      } catch (error) {
        // The settling itself failed, not the payments. Either the database is away, and the same set waits; or one
        // line is guilty, and halves find it while the others settle.
        if (isTransient(error) && attempt < TRIES) {
          deps.log.warn({ err: error, lines: set.length, attempt }, 'settling waits for the database')
          await new Promise((resolve) => setTimeout(resolve, Math.min(50 * 2 ** attempt, 2_000)))
          continue
        }
        if (set.length > 1) {
          const middle = Math.ceil(set.length / 2)
          await settleSet(set.slice(0, middle))
          return settleSet(set.slice(middle))
        }
        return guilty(set[0], error)
      }
    }
  }

  const commit = (set: readonly Waiting[], token = set[0]?.token ?? 0n): Promise<SettledRow[]> =>
    deps.db.tx((tx) =>
      settle(tx, {
        connection_id: deps.connection_id,
        token,
        outcomes: set.map((item) => item.outcome),
        done_ranges: finished.filter((range) => range.token === token).map((range) => range.id),
        batch: deps.batch,
        handlers: deps.handlers,
      }),
    )

  function after(set: readonly Waiting[], changed: readonly SettledRow[]): void {
    finished = []
    const keys = set.some((item) => item.then)
      ? new Set(changed.map((row) => `${row.batch_id}:${row.seq}`))
      : undefined
    for (const { outcome, token, range, then } of set) {
      if (range !== undefined && outcome.word !== 'QUOTED') {
        range.pending.delete(outcome.seq)
        if (range.pending.size === 0) finished.push(...range.ids.map((id) => ({ id, token })))
      }
      then?.(keys?.has(`${outcome.batch_id}:${outcome.seq}`) ?? false)
    }
  }

  /** The line that cannot be settled alone: its hold stays, people look at it, the others are not kept waiting. */
  async function guilty(item: Waiting | undefined, error: unknown): Promise<void> {
    if (item === undefined) return
    const { batch_id, seq, attempt, pursuit, said } = item.outcome
    deps.log.error(
      { err: error, batch_id: String(batch_id), seq, attempt },
      'a line cannot be settled; it goes to review',
    )
    if (item.outcome.word === 'REVIEW') return
    const because = `could not be settled as ${item.outcome.word}`
    const review: Outcome = {
      batch_id,
      seq,
      attempt,
      word: 'REVIEW',
      code: 'REVIEW',
      message: because,
      pursued: item.outcome.pursued,
      pursuit: { rail_reference: pursuit?.rail_reference ?? '', after_ms: 0, because },
      ...(said === undefined ? {} : { said }),
    }
    await settleSet([{ ...item, outcome: review }])
  }

  return {
    add(outcome, token, range, then) {
      waiting.push({ outcome, token, range, then })
      schedule()
    },
    backlog: () => waiting.length + settling,
    async drain(deadline_ms) {
      const until = performance.now() + deadline_ms
      while (waiting.length > 0 || running !== undefined) {
        if (performance.now() > until)
          throw new Error(`${waiting.length + settling} outcomes could not be settled in time`)
        start()
        await Promise.race([running, new Promise((resolve) => setTimeout(resolve, 100))])
      }
      for (const token of new Set(finished.map((range) => range.token))) await commit([], token)
      finished = []
    },
  }
}

/** The database is away or busy; or the connection broke, which has no SQLSTATE. */
const isTransient = (error: unknown): boolean =>
  error instanceof CommitUnknown ||
  TRANSIENT.test(sqlState(error)) ||
  (error instanceof Error &&
    sqlState(error) === '' &&
    /terminated|ECONN|EPIPE|timeout|Connection/i.test(error.message))
