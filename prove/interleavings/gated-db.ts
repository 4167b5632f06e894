import { AsyncLocalStorage } from 'node:async_hooks'
import type { EventEmitter } from 'node:events'
import pg from 'pg'
import { Db, sqlState, type Tx, type TxOptions } from '../../src/platform/db.ts'
import type { Clone } from '../../test/harness/clones.ts'
import type { Actor, Stage, Transaction } from './stage.ts'

/** A database as one actor sees it: each statement, begin and commit included, waits for its turn on the stage. */
export type GatedDb = {
  readonly db: Db
  /** From now on its statements are this actor's. */
  readonly assign: (stage: Stage, actor: Actor) => void
  /** The answer to the next commit but `n` is lost: it is carried out, and the connection breaks. */
  readonly loseCommit: (n: number) => void
  readonly lost: () => number
  /** Its process dies: the sockets are gone at once; answers which sessions the server still has to notice. */
  readonly cut: () => number[]
  readonly end: () => Promise<void>
}

const types = new pg.TypeOverrides()
types.setTypeParser(pg.types.builtins.INT8, BigInt)

/**
 * Each wait for a lock is looked at for a deadlock at once, and the session says when it has looked and waits on: then
 * whoever closes a circle later is its victim, on any machine. Only a superuser may set these. No limit of time is the
 * machine's, as the product's are: a slow one would make other schedules.
 */
const SESSION = '-c deadlock_timeout=1ms -c log_lock_waits=on -c client_min_messages=log -c lc_messages=C'

type Place = { stage: Stage; actor: Actor; lose_in: number; lost: number }

/** The transaction that a statement is part of. */
const running = new AsyncLocalStorage<Transaction>()

/** Something of this transaction stands at the stage until the answer is called. */
function stand(): () => void {
  const one = running.getStore()
  if (one !== undefined) one.standing += 1
  return () => {
    if (one !== undefined) one.standing -= 1
  }
}

/** Tells the stage of each transaction: between two attempts the product rests by the machine's clock. */
class StagedDb extends Db {
  readonly #placeNow: () => Place | undefined
  constructor(pool: pg.Pool, placeNow: () => Place | undefined) {
    super(pool)
    this.#placeNow = placeNow
  }
  override async tx<T>(work: (tx: Tx) => Promise<T>, options: TxOptions<T> = {}): Promise<T> {
    const place = this.#placeNow()
    if (place === undefined) return super.tx(work, options)
    const one = place.stage.begin(place.actor)
    return running.run(one, () => super.tx(work, options)).finally(one.end)
  }
}

/** A pool of two connections. */
export async function openGatedDb(url: string, { role }: Clone['role']): Promise<GatedDb> {
  let place: Place | undefined
  const clients = new Set<pg.PoolClient>()
  /** Making and ending a connection is no step, but nobody stands still meanwhile. */
  class Client extends pg.Client {
    override connect(): Promise<Client>
    override connect(callback: (error: Error) => void): void
    override connect(callback?: (error: Error) => void): Promise<Client> | void {
      if (callback === undefined) return super.connect() as Promise<Client>
      const made = place?.stage.outside()
      super.connect((...args: unknown[]) => {
        made?.()
        callback(args[0] as Error)
      })
    }
    override end(): Promise<void>
    override end(callback: (error: Error) => void): void
    override end(callback?: (error: Error) => void): Promise<void> | void {
      if (callback === undefined) return super.end()
      const gone = place?.actor.dead === true ? undefined : place?.stage.outside()
      super.end((error) => {
        gone?.()
        callback(error)
      })
    }
  }
  const pool = new pg.Pool({
    Client,
    connectionString: url,
    max: 2,
    idleTimeoutMillis: 0,
    types,
    options: role === undefined ? SESSION : `${SESSION} -c role=${role}`,
  })
  standInQueue(pool)
  pool.on('error', () => undefined)
  pool.on('connect', (client) => {
    clients.add(client)
    client.on('error', () => undefined) // it is cut on purpose
    gate(client, () => place)
  })
  pool.on('remove', (client) => void clients.delete(client))
  // Made beforehand: making a connection is no step.
  const both = await Promise.all([pool.connect(), pool.connect()])
  for (const client of both) client.release()
  return {
    db: new StagedDb(pool, () => place),
    assign: (stage, actor) => void (place = { stage, actor, lose_in: -1, lost: 0 }),
    loseCommit: (n) => {
      if (place !== undefined) place.lose_in = n
    },
    lost: () => place?.lost ?? 0,
    cut() {
      const pids = [...clients].map(pidOf)
      for (const client of clients) socketOf(client).destroy()
      return pids
    },
    end: () => pool.end(),
  }
}

const pidOf = (client: pg.PoolClient): number =>
  Number((client as unknown as { processID: number }).processID)
const socketOf = (client: pg.PoolClient): { destroy: () => void } =>
  (client as unknown as { connection: { stream: { destroy: () => void } } }).connection.stream

/** Who waits for a connection stands still. */
function standInQueue(pool: pg.Pool): void {
  const take = pool.connect.bind(pool) as (callback?: (...args: unknown[]) => void) => Promise<pg.PoolClient>
  const connect = (callback?: (...args: unknown[]) => void): unknown => {
    const got = stand()
    if (callback === undefined) return take().finally(got)
    return take((...args) => {
      got()
      callback(...args)
    })
  }
  Object.assign(pool, { connect })
}

/** What a session says about its waits for locks. */
const WAITS = /^process \d+ (?:(still waiting for)|acquired) /

type Sent = { readonly text?: unknown; readonly submit?: unknown }
type Callback = (error: Error | undefined, result?: unknown) => void

const DEADLOCK = '40P01'

/** The server tells an error before it lets the locks go; it is ready when it has. A session that it ends is never ready. */
async function rolledBack(client: pg.PoolClient, error: unknown): Promise<void> {
  const inner = client as unknown as { readyForQuery: boolean; connection: EventEmitter }
  if (!(error instanceof pg.DatabaseError) || error.severity !== 'ERROR' || inner.readyForQuery) return
  await new Promise<void>((resolve) => {
    inner.connection.once('readyForQuery', resolve)
    inner.connection.once('end', resolve)
  })
}

/** Puts the stage before every statement of one connection. */
function gate(client: pg.PoolClient, placeNow: () => Place | undefined): void {
  const send = client.query.bind(client) as (...args: unknown[]) => unknown
  const pid = (): number => pidOf(client)
  let waits = false
  client.on('notice', ({ message }) => {
    const said = WAITS.exec(message ?? '')
    if (said !== null) waits = said[1] !== undefined
  })
  const depart = ({ stage, actor }: Place): (() => void) => {
    waits = false
    return stage.depart(actor, pid, () => waits)
  }
  const query = (...args: unknown[]): unknown => {
    const place = placeNow()
    if (place === undefined) return send(...args)
    const [first] = args
    const { stage, actor } = place
    const sent: Sent = typeof first === 'string' ? { text: first } : (first as Sent)
    const gone = stand()
    const turn = stage.step(actor, labelOf(String(sent.text)))
    if (typeof sent.submit === 'function') {
      // A COPY is a stream that waits, written or not, until it is submitted.
      const stream = first as NodeJS.WritableStream
      void turn.then(() => {
        const landed = depart(place)
        stream.once('close', () => {
          gone()
          landed()
        })
        send(stream)
      })
      return stream
    }
    const run = async (): Promise<unknown> => {
      await turn
      const landed = depart(place)
      const what = typeof first === 'string' ? first : { ...sent, query_timeout: undefined }
      try {
        const result = await send(what, ...args.slice(1).filter((arg) => typeof arg !== 'function'))
        if (sent.text === 'commit' && place.lose_in >= 0 && place.lose_in-- === 0) {
          place.lost += 1
          throw new Error('Connection terminated unexpectedly')
        }
        return result
      } catch (error) {
        if (sqlState(error) === DEADLOCK) stage.deadlock()
        await rolledBack(client, error)
        throw error
      } finally {
        gone()
        landed()
      }
    }
    const callback = args.findLast((arg): arg is Callback => typeof arg === 'function')
    return callback === undefined ? run() : void answer(run, callback)
  }
  Object.assign(client, { query })
}

/** As pg tells a caller who gave a function instead of waiting for a promise. */
async function answer(run: () => Promise<unknown>, callback: Callback): Promise<void> {
  let result: unknown
  try {
    result = await run()
  } catch (error) {
    callback(error instanceof Error ? error : new Error(String(error)))
    return
  }
  callback(undefined, result)
}

/** A statement in two words: what it does, and to which table or with which function. */
export function labelOf(text: string): string {
  const flat = text.replace(/\s+/g, ' ').trim().toLowerCase()
  const verb = /^(with|select|insert|update|delete|copy|begin|commit|rollback|set)/.exec(flat)?.[1] ?? flat
  if (verb === 'begin' || verb === 'commit' || verb === 'rollback' || verb === 'set') return verb
  const doing = verb === 'with' ? (/\b(update|insert|delete)\b/.exec(flat)?.[1] ?? 'select') : verb
  const lock = /for (no key )?update|for share/.test(flat) && doing === 'select' ? 'lock' : doing
  const what = /\b(?:payments|bulk|ledger|identity|audit|platform|outbox)_\w+/.exec(flat)?.[0]
  return `${lock} ${what ?? flat.slice(0, 30)}`
}
