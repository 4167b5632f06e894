import type { Order } from '../../src/connectors/index.ts'
import type { PurposeHandler } from '../../src/payments/engine/settle.ts'
import type { Log } from '../../src/platform/log.ts'
import { watchApprovals } from './approvals.ts'
import { watchFences, type Fences } from './fences.ts'
import { breachOf, type Wrong } from './judge.ts'
import type { Statements } from './memory/statements.ts'
import { lineKey, put, type Tables } from './memory/tables.ts'
import type { World } from './plan.ts'

/** As many wrongs of one world are told: one would do, and the others are its consequences. */
const MOST_WRONGS = 5

/** Stands everywhere in a world and writes down what is wrong, what was reached, and what was told. */
export type Referee = {
  readonly wrong: Wrong[]
  /** How often each place was really reached. */
  readonly covered: ReadonlyMap<string, number>
  /** What the purpose's handler heard of each line. */
  readonly told: ReadonlyMap<string, readonly string[]>
  /** Notes that something is not as it must always be. */
  readonly note: (what: string) => void
  /** All statements, read along. */
  readonly statements: Statements
  readonly handler: PurposeHandler
  /** A log that nobody reads, but for what must never be said. */
  readonly log: Log
  readonly fences: Fences
  /** An order that may move money has really left. */
  readonly left: (order: Order) => void
  /** A transaction that changed something was committed. */
  readonly committed: () => void
}

/** `stored`: the statements over the world's tables. */
export function openReferee(world: World, stored: Statements): Referee {
  const { time, tables } = world
  const wrong: Wrong[] = []
  const note = (what: string): void => {
    if (wrong.length < MOST_WRONGS)
      wrong.push({ kind: 'invariants', what: `${what} (at ${Math.round(time.now())} ms)` })
  }
  const covered = new Map<string, number>()
  const told = new Map<string, readonly string[]>()
  const fences = watchFences(tables, time.now, note)
  const counted = countOutcomes(aloud(stored, world.say), covered)
  const approvals = watchApprovals(world, fences.watch(counted))
  return {
    wrong,
    covered,
    told,
    note,
    statements: approvals.statements,
    handler: writeDown(tables, told),
    log: openQuietLog(note),
    fences,
    left(order) {
      fences.left(order)
      const what = approvals.leaves(order.home_reference)
      if (what !== undefined) note(what)
    },
    committed() {
      const breach = breachOf(tables)
      if (breach !== undefined) note(breach)
    },
  }
}

/** Statements that count how lines are settled. */
function countOutcomes(statements: Statements, covered: Map<string, number>): Statements {
  const count = (place: string): void => void covered.set(place, (covered.get(place) ?? 0) + 1)
  return {
    ...statements,
    settleLines(connection, token, set, by_people) {
      const rows = statements.settleLines(connection, token, set, by_people)
      for (const { outcome, was_uncertain } of rows)
        count(`settled: ${outcome}${was_uncertain ? ' after uncertain' : ''}`)
      if (rows.length < set.length) count('settled: nothing')
      return rows
    },
  }
}

/** Statements that say what they do, when somebody reads along. */
function aloud(statements: Statements, say: World['say']): Statements {
  if (say === undefined) return statements
  return {
    ...statements,
    settleLines(connection, token, set, by_people) {
      const rows = statements.settleLines(connection, token, set, by_people)
      const asked = set.map((o) => `${o.batch_id}:${o.seq}/${o.attempt} ${o.word}`)
      const done = rows.map((r) => `${r.batch_id}:${r.seq} ${r.outcome}`)
      say(`settle ${token}: ${asked.join(', ')} -> ${done.join(', ')}`)
      return rows
    },
    takeDue(connection, token, limit, busy_ms) {
      const rows = statements.takeDue(connection, token, limit, busy_ms)
      for (const r of rows) say(`take ${token}: ${r.batch_id}:${r.seq}/${r.attempt} ${r.state}`)
      return rows
    },
    reschedule(due, token, after_ms, change) {
      const n = statements.reschedule(due, token, after_ms, change)
      say(`reschedule ${token}: pursuit ${due.id} by ${after_ms}, ${change.because} -> ${n}`)
      return n
    },
  }
}

/** The purpose's handler: writes down in the transaction what it is told. */
const writeDown =
  (tables: Tables, told: Map<string, readonly string[]>): PurposeHandler =>
  (_tx, news) => {
    for (const { batch_id, lines } of news)
      for (const { seq, outcome } of lines) {
        const key = lineKey(batch_id, seq)
        put(tables, told, key, [...(told.get(key) ?? []), outcome])
      }
    return Promise.resolve()
  }

function openQuietLog(note: (what: string) => void): Log {
  const silent = (): void => undefined
  const error = (about: { readonly err?: Error }, message: string): void => {
    if (message === 'the connector broke') note(`the connector broke: ${about.err?.stack}`)
    if (message.startsWith('a line cannot be settled') && !String(about.err).includes('cannot be settled'))
      note(`settling failed: ${String(about.err)}`)
  }
  return { info: silent, warn: silent, error, debug: silent, fatal: error } as unknown as Log
}
