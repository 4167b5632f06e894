import pg from 'pg'
import { Db } from '../../src/platform/db.ts'
import type { Actor, Stage } from './stage.ts'

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

/** Deadlocks must not hold up a schedule for long; the server only lets its superuser set this. */
const DEADLOCK_MS = 150

type Place = { stage: Stage; actor: Actor; lose_in: number; lost: number }

/** A pool with the sessions' limits of the product (src/platform/db.ts), of two connections. */
export async function openGatedDb(url: string, role: string | undefined): Promise<GatedDb> {
  let place: Place | undefined
  const clients = new Set<pg.PoolClient>()
  /** Making a connection is no step, but nobody stands still meanwhile. */
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
  }
  const pool = new pg.Pool({
    Client,
    connectionString: url,
    max: 2,
    idleTimeoutMillis: 0,
    types,
    statement_timeout: 5_000,
    lock_timeout: 4_000,
    idle_in_transaction_session_timeout: 10_000,
    options: `-c deadlock_timeout=${DEADLOCK_MS}${role === undefined ? '' : ` -c role=${role}`}`,
  })
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
    db: new Db(pool),
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

type Sent = { readonly text?: unknown; readonly submit?: unknown }
type Callback = (error: Error | undefined, result?: unknown) => void

/** Puts the stage before every statement of one connection. */
function gate(client: pg.PoolClient, placeNow: () => Place | undefined): void {
  const send = client.query.bind(client) as (...args: unknown[]) => unknown
  const pid = (): number => pidOf(client)
  const query = (...args: unknown[]): unknown => {
    const place = placeNow()
    if (place === undefined) return send(...args)
    const [first] = args
    const { stage, actor } = place
    const sent: Sent = typeof first === 'string' ? { text: first } : (first as Sent)
    const turn = stage.step(actor, labelOf(String(sent.text)))
    if (typeof sent.submit === 'function') {
      // A COPY is a stream that waits, written or not, until it is submitted.
      const stream = first as NodeJS.WritableStream
      void turn.then(() => {
        const landed = stage.depart(actor, pid)
        stream.once('close', landed)
        send(stream)
      })
      return stream
    }
    const run = async (): Promise<unknown> => {
      await turn
      const landed = stage.depart(actor, pid)
      try {
        const result = await send(first, ...args.slice(1).filter((arg) => typeof arg !== 'function'))
        if (sent.text === 'commit' && place.lose_in >= 0 && place.lose_in-- === 0) {
          place.lost += 1
          throw new Error('Connection terminated unexpectedly')
        }
        return result
      } finally {
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
