import { queryDelay, type ConnectionSettings } from '../../src/payments/engine/connection.ts'
import { openDriver } from '../../src/payments/engine/driver.ts'
import type { PurposeHandler } from '../../src/payments/engine/settle.ts'
import type { Order } from '../../src/connectors/index.ts'
import type { Log } from '../../src/platform/log.ts'
import { watchApprovals } from './approvals.ts'
import { openDatabase } from './database.ts'
import { watchFences } from './fences.ts'
import { openFaults, type Fault } from './faults.ts'
import { breachOf, judge, type Wrong } from './judge.ts'
import { openLinks } from './link.ts'
import { startProcess } from './machine.ts'
import { databaseError } from './memory/errors.ts'
import { openMemoryStore, openStatements } from './memory/store.ts'
import type { Statements } from './memory/statements.ts'
import { lineKey, openTables, put, type Tables } from './memory/tables.ts'
import { openOutside, type Nature } from './outside.ts'
import { openPeople } from './people.ts'
import { openRandom, type Random } from './random.ts'
import { openTime, type Time } from './time.ts'
import { troubles, type Worker } from './troubles.ts'

export type Run = {
  readonly seed: number
  readonly hash: number
  readonly events: number
  readonly lines: number
  readonly nature: string
  readonly struck: ReadonlyMap<Fault, number>
  readonly covered: ReadonlyMap<string, number>
  readonly wrong: readonly Wrong[]
}

const CONNECTION = 'rail'
const DAY_MS = 86_400_000
/** After the last line is final: whatever still waits in a worker's memory has its chance to do harm. */
const AFTER_MS = 6_000

/** Builds the world of a seed and lets it happen: faults first, then time enough for everything to end. */
export async function simulate(seed: number, tell?: (line: string) => void): Promise<Run> {
  const random = openRandom(seed)
  const time = openTime(random)
  const nature = random.pick<Nature>(['remembers', 'remembers', 'forgets', 'forgets', 'two-phase', 'plain'])
  const stepwise = (nature === 'remembers' || nature === 'forgets') && random.chance(0.4)
  const settings = drawSettings(random)
  // A rail somewhat later than it promises; a hint would bring the question forward into that time.
  const tardy = nature === 'forgets' && random.chance(0.5)
  const sets_back = random.chance(0.5)
  const faults = openFaults(random, doNotFit(nature, tardy, sets_back))
  const say = tell && ((what: string): void => tell(`${time.now().toFixed(0).padStart(7)}  ${what}`))
  const tables = openTables()
  const wrong: Wrong[] = []
  const note = (kind: Wrong['kind'], what: string): void => {
    if (wrong.length < 5) wrong.push({ kind, what: `${what} (at ${Math.round(time.now())} ms)` })
  }
  const told = new Map<string, readonly string[]>()
  const covered = new Map<string, number>()
  const fences = watchFences(tables, time.now, (what) => note('invariants', what))
  const counted = watched(tables, time, covered, random, faults, say)
  const approvals = watchApprovals(tables, fences.watch(counted), nature, time.now)
  const store = openMemoryStore(approvals.statements)
  let dirty = true
  const committed = (): void => {
    dirty = true
    const breach = breachOf(tables)
    if (breach !== undefined) note('invariants', breach)
  }
  const database = openDatabase({ time, random, faults, tables, begun: fences.begun, committed })
  const promise_ms = settings.not_found_after_ms + (tardy ? queryDelay(settings, 0) - 100 : 0)
  const outside = openOutside({ time, random, faults, promise_ms, expiry_ms: settings.expiry_ms })
  const left = (order: Order): void => {
    fences.left(order)
    const what = approvals.leaves(order.home_reference)
    if (what !== undefined) note('invariants', what)
  }
  const timeout_ms = settings.timeout_ms
  const links = openLinks({
    time,
    random,
    faults,
    outside,
    timeout_ms,
    nature: () => nature,
    stepwise,
    promise_ms,
    left,
    fences,
    wrong: (what) => note('invariants', what),
    say,
  })
  const log = openQuietLog(note)
  let ids = 0
  const ports = { store, newId: () => `id-${++ids}` }
  const handlers = { BULK_LINE: teller(tables, told) }

  openConnection(tables)
  const workers = Array.from({ length: random.whole(2, 3) }, (_, i) => {
    const worker: Worker = { process: undefined, driver: undefined }
    let generation = 0
    const start = (): void => {
      const again = (): void => void time.after(random.between(100, 15_000), 'boots', start)
      const process = startProcess(time, `worker ${i + 1}:${++generation}`, again)
      const connection = { settings, rail: links.connect(process) }
      const { clock, name } = process
      const db = database.connect(process)
      worker.process = process
      worker.driver = openDriver({
        ...ports,
        clock,
        db,
        log,
        connection,
        handlers,
        worker: name,
      })
      worker.driver.start()
    }
    time.after(random.between(0, 3_000), 'boots', start)
    return worker
  })
  const quiet_at = random.between(6_000, 25_000)
  const people = openPeople({
    time,
    random,
    faults,
    tables,
    outside,
    handlers,
    ports,
    statements: approvals.statements,
    db: database.connect(startProcess(time, 'people')),
    quiet_at,
    connection: CONNECTION,
    wake: () => workers.forEach(({ process, driver }) => process?.alive() && driver?.wake()),
  })
  troubles({ time, random, faults, database, outside, workers, quiet_at, sets_back })
  time.after(quiet_at, 'quiet', () => faults.end())

  let final_at: number | undefined
  await time.run(DAY_MS, () => {
    if (wrong.length > 0) return true
    if (time.now() < quiet_at || !people.done() || links.underway() + outside.coming() > 0) return false
    if (dirty) {
      dirty = false
      final_at = isFinal(tables) ? (final_at ?? time.now()) : undefined
    }
    return final_at !== undefined && time.now() >= final_at + AFTER_MS
  })
  if (wrong.length === 0) wrong.push(...judge(tables, outside, told, people.closed))
  const lines = [...tables.batches.values()].reduce((n, batch) => n + batch.total, 0)
  const kind = stepwise ? `${nature}, stepwise` : nature
  return {
    seed,
    hash: time.hash(),
    events: time.events(),
    lines,
    nature: kind,
    struck: faults.struck,
    covered,
    wrong,
  }
}

/** What a rail of this nature does not do: it would break what it promises. */
function doNotFit(nature: Nature, tardy: boolean, sets_back: boolean): Set<Fault> {
  const never = new Set<Fault>()
  if (tardy) never.add('people: hint')
  // Two clocks cannot be fooled at once: one stands still, the other is set back by as much.
  if (sets_back) never.add('worker: machine suspended')
  if (nature !== 'forgets') never.add('rail: refuses a resend')
  if (nature === 'forgets') never.add('rail: not found though it is there')
  if (nature === 'plain') never.add('network: request delivered again')
  return never
}

const drawSettings = (random: Random): ConnectionSettings => ({
  id: CONNECTION,
  lease_ms: 6_000,
  timeout_ms: random.pick([800, 2_000]),
  expiry_ms: random.pick([600, 1_500]),
  not_found_after_ms: random.pick([1_500, 4_000]),
  query_delays_ms: random.pick([
    [500, 1_000, 2_000],
    [1_500, 2_000],
  ]),
  retry_delays_ms: [300, 600],
  review_after_ms: 30_000,
  window_max: random.pick([1, 4, 16]),
  rate_per_s: random.pick([0, 0, 0, 20]),
  breaker_ms: 1_000,
  stop_ms: 2_000,
  poll_ms: random.pick([1_000, 2_000]),
})

/** The statements, with lines that cannot be settled, and a count of what was really reached. */
function watched(
  tables: Tables,
  time: Time,
  covered: Map<string, number>,
  random: Random,
  faults: ReturnType<typeof openFaults>,
  say: ((what: string) => void) | undefined,
): Statements {
  const statements = openStatements(tables, time.now)
  const poisoned = new Map<string, boolean>()
  const isPoisoned = (key: string): boolean => {
    const known = poisoned.get(key)
    if (known !== undefined) return known
    const now = random.chance(0.2) && faults.strike('database: a line that cannot be settled')
    poisoned.set(key, now)
    return now
  }
  return {
    ...statements,
    settleLines(connection, token, set, by_people) {
      for (const { batch_id, seq, word } of set)
        if (word === 'PAID' && isPoisoned(lineKey(batch_id, seq)))
          throw databaseError('22003', `line ${batch_id}:${seq} cannot be settled`)
      const rows = statements.settleLines(connection, token, set, by_people)
      say?.(
        `settle ${token}: ${set.map((o) => `${o.batch_id}:${o.seq}/${o.attempt} ${o.word}`).join(', ')} -> ${rows.map((r) => `${r.batch_id}:${r.seq} ${r.outcome}`).join(', ')}`,
      )
      for (const { outcome, was_uncertain } of rows) {
        const word = `settled: ${outcome}${was_uncertain ? ' after uncertain' : ''}`
        covered.set(word, (covered.get(word) ?? 0) + 1)
      }
      if (rows.length < set.length)
        covered.set('settled: nothing', (covered.get('settled: nothing') ?? 0) + 1)
      return rows
    },
    takeDue(connection, token, limit, busy_ms) {
      const rows = statements.takeDue(connection, token, limit, busy_ms)
      for (const r of rows) say?.(`take ${token}: ${r.batch_id}:${r.seq}/${r.attempt} ${r.state}`)
      return rows
    },
    reschedule(due, token, after_ms, change) {
      const n = statements.reschedule(due, token, after_ms, change)
      say?.(`reschedule ${token}: pursuit ${due.id} by ${after_ms}, ${change.because} -> ${n}`)
      return n
    },
  }
}

function openConnection(tables: Tables): void {
  const row = { id: CONNECTION, worker: null, token: 0n, lease_until: null, state: 'RUNNING' as const }
  tables.connections.set(CONNECTION, { ...row, stopped_because: null, mode: null, needs_operator: false })
}

/** The purpose's handler: writes down in the transaction what it is told. */
const teller =
  (tables: Tables, told: Map<string, readonly string[]>): PurposeHandler =>
  (_tx, news) => {
    for (const { batch_id, lines } of news)
      for (const { seq, outcome } of lines) {
        const key = lineKey(batch_id, seq)
        put(tables, told, key, [...(told.get(key) ?? []), outcome])
      }
    return Promise.resolve()
  }

/** A log that nobody reads, but for what must never be said. */
function openQuietLog(note: (kind: Wrong['kind'], what: string) => void): Log {
  const silent = (): void => undefined
  const error = (about: { readonly err?: Error }, message: string): void => {
    if (message === 'the connector broke') note('invariants', `the connector broke: ${about.err?.stack}`)
    if (message.startsWith('a line cannot be settled') && !String(about.err).includes('cannot be settled'))
      note('invariants', `settling failed: ${String(about.err)}`)
  }
  return { info: silent, warn: silent, error, debug: silent, fatal: error } as unknown as Log
}

const OVER = new Set(['PAID', 'FAILED', 'CANCELLED', 'REVIEW'])
const isFinal = (tables: Tables): boolean =>
  [...tables.batches.values()].every((batch) => batch.lines.every((line) => OVER.has(line.state)))
