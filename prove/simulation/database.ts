import { CommitUnknown, type Db, type Tx } from '../../src/platform/db.ts'
import type { Process } from './machine.ts'
import { connectionLost, databaseError } from './memory/errors.ts'
import type { Handle } from './memory/store.ts'
import { endTransaction } from './memory/tables.ts'
import type { World } from './plan.ts'

export type DatabaseDeps = World & {
  /** Called when the transaction of a process begins. */
  readonly begun: (process: string) => void
  /** Called after each commit that changed something. */
  readonly committed: () => void
}

/**
 * The database's side of the wire. A transaction happens at one moment, after a delay on the way there and before
 * another on the way back; those of several workers and of people interleave between transactions.
 */
export type Database = {
  readonly connect: (process: Process) => Db
  readonly away: (ms: number) => void
}

/** As often as `Db.tx` tries again after a deadlock. */
const TRIES = 5

/** What is asked of it in one transaction; `lost` is the error of a commit whose answer does not arrive. */
type Work<T> = {
  readonly run: (handle: Handle) => Promise<T>
  readonly lost: () => Error
}

type End<T> = { readonly result: T } | { readonly error: unknown }

export function openDatabase(deps: DatabaseDeps): Database {
  const { time, random, faults } = deps
  const transact = openTransactions(deps)
  let away_until = 0
  const delay = (): number =>
    faults.strike('database: slow') ? random.between(100, 3_000) : random.between(0.3, 4)

  const send = <T>(process: Process, work: Work<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      if (!process.alive()) return
      let tries = 0
      const reply = (call: () => void): void =>
        void time.after(delay(), `${process.name} reads`, process.gate(call))
      const refuse = (error: unknown): void =>
        reply(() => reject(error instanceof Error ? error : connectionLost()))
      const arrive = process.gate(() => {
        if (time.now() < away_until) return refuse(new Error('connect ECONNREFUSED'))
        if (process.mortal && faults.strike('worker: killed before a commit')) return process.kill()
        if (process.mortal && faults.strike('worker: frozen past its lease')) {
          process.freeze(random.between(2_000, 40_000))
          return void time.after(0, `${process.name} frozen`, arrive)
        }
        if (faults.strike('database: connection lost before the commit')) return refuse(connectionLost())
        if (faults.strike('database: lock time-out')) return refuse(databaseError('55P03', 'lock timeout'))
        if (faults.strike('database: deadlock')) {
          tries += 1
          if (tries < TRIES) return void time.after(20 * tries, `${process.name} again`, arrive)
          return refuse(databaseError('40P01', 'deadlock detected'))
        }
        void transact(process, work).then((end) =>
          'error' in end ? refuse(end.error) : reply(() => resolve(end.result)),
        )
      })
      time.after(delay(), `${process.name} writes`, arrive)
    })

  return {
    away: (ms) => void (away_until = time.now() + ms),
    connect(process) {
      const db = {
        // The engine only passes handles on to the store, which is ours: it never looks into one.
        tx: <T>(work: (tx: Tx) => Promise<T>) =>
          send(process, {
            run: (handle) => work(handle as unknown as Tx),
            lost: () => new CommitUnknown(connectionLost()),
          }),
        run: <T>(statement: () => T) =>
          send(process, { run: (handle) => handle.run(statement), lost: connectionLost }),
      }
      return db as unknown as Db
    },
  }
}

/** Runs transactions one at a time, each at one moment. */
function openTransactions({ faults, tables, begun, committed }: DatabaseDeps) {
  let busy = false
  return async <T>(process: Process, { run, lost }: Work<T>): Promise<End<T>> => {
    if (busy) throw new Error('a transaction waits for something outside the store')
    busy = true
    begun(process.name)
    const handle = openHandle()
    const end = (commits: boolean): void => {
      const changed = commits && !handle.broken() && tables.undo.length > 0
      endTransaction(tables, commits && !handle.broken())
      busy = false
      if (changed) committed()
    }
    try {
      const result = await run(handle)
      if (faults.strike('database: commit lost, rolled back')) {
        end(false)
        return { error: lost() }
      }
      end(true)
      if (process.mortal && faults.strike('worker: killed after a commit')) process.kill()
      return faults.strike('database: commit lost, committed') ? { error: lost() } : { result }
    } catch (error) {
      if (busy) end(false)
      return { error }
    }
  }
}

/** An open transaction: after an error it refuses every statement, and its commit rolls back. */
function openHandle(): Handle & { readonly broken: () => boolean } {
  let broken = false
  return {
    broken: () => broken,
    // Asynchronous like the port's statements: an error must reject, not throw.
    async run(statement) {
      if (broken) throw databaseError('25P02', 'current transaction is aborted')
      try {
        return statement()
      } catch (error) {
        broken = true
        throw error
      }
    },
  }
}
