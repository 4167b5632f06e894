import { AsyncLocalStorage } from 'node:async_hooks'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { arrayText } from './array-text.ts'
import type { Refusal } from './errors.ts'
import { askWithin, scopeOfTransaction, type Scope } from './scope.ts'

const types = new pg.TypeOverrides()
types.setTypeParser(pg.types.builtins.INT8, BigInt)

export type Sql = { readonly text: string; readonly values: unknown[] }

/** Hand-written SQL with its parameters: sql`select … where id = ${id}`. Values never become text. */
export const sql = (parts: TemplateStringsArray, ...values: unknown[]): Sql => ({
  text: parts.reduce((text, part, i) => `${text}$${i}${part}`),
  values,
})

const inTransaction = new AsyncLocalStorage<true>()

/** Refuses what must not happen while row locks are held: the network, another transaction. */
export function assertNoTransaction(doing: string): void {
  if (inTransaction.getStore()) throw new Error(`${doing} inside a database transaction`)
}

type Ask = (config: pg.QueryConfig & { readonly query_timeout: number }) => Promise<pg.QueryResult>

/** Anything that can run a query; the method names say how many rows are expected. */
export class Reader {
  readonly #ask: Ask
  readonly #query_timeout: number
  constructor(ask: Ask, query_timeout_ms = QUERY_TIMEOUT_MS) {
    this.#ask = ask
    this.#query_timeout = query_timeout_ms
  }
  async many<T extends object>(query: Sql): Promise<T[]> {
    return (await this.#send(query)).rows as T[]
  }
  async maybeOne<T extends object>(query: Sql): Promise<T | undefined> {
    const rows = await this.many<T>(query)
    if (rows.length > 1) throw new Error(`expected at most one row, got ${rows.length}: ${query.text}`)
    return rows[0]
  }
  async one<T extends object>(query: Sql): Promise<T> {
    const row = await this.maybeOne<T>(query)
    if (row === undefined) throw new Error(`expected one row, got none: ${query.text}`)
    return row
  }
  /** Runs a statement and answers how many rows it touched. */
  async run(query: Sql): Promise<number> {
    return (await this.#send(query)).rowCount ?? 0
  }
  #send(query: Sql): Promise<pg.QueryResult> {
    return this.#ask({
      ...query,
      values: query.values.map((value) => (Array.isArray(value) ? arrayText(value) : value)),
      query_timeout: this.#query_timeout,
    })
  }
}

/** An open transaction. Only `Db.tx` makes one, so a function that asks for a `Tx` cannot run outside. */
export class Tx extends Reader {
  readonly #pooled: pg.PoolClient
  constructor(client: pg.PoolClient, query_timeout_ms?: number) {
    super((config) => client.query(config), query_timeout_ms)
    this.#pooled = client
  }
  /** The sandbox's time at the start of this transaction: the database's clock plus the sandbox's offset. */
  async now(): Promise<Date> {
    return (await this.one<{ now: Date }>(sql`select cauri_now() as now`)).now
  }
  /** `copy … from stdin` in constant memory; the chunks are rows in COPY's text or csv form. */
  async copyIn(statement: string, chunks: AsyncIterable<Buffer | string>): Promise<void> {
    await pipeline(Readable.from(chunks, { objectMode: false }), this.#pooled.query(copyFrom(statement)))
  }
}

/** The connection was lost while COMMIT was on its way: the outcome must be read again by key, never assumed. */
export class CommitUnknown extends Error {
  constructor(cause: unknown) {
    super('the connection was lost during commit', { cause })
    this.name = 'CommitUnknown'
  }
}

export type TxOptions<T> = {
  /**
   * Called after a lost commit: answers the result when the transaction did commit (found by its own key), and
   * undefined when nothing is found. Then the work runs again; its unique keys make a second commit impossible.
   */
  readonly reread?: (db: Reader) => Promise<T | undefined>
  /** Own time limits for the few long transactions (an upload): milliseconds. */
  readonly timeout_ms?: number
}

/** The server gives up first: a client's time-out must never be the first to know. */
const STATEMENT_TIMEOUT_MS = 5_000
const CLIENT_MARGIN_MS = 3_000
const QUERY_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + CLIENT_MARGIN_MS

const RETRYABLE = new Set(['40001', '40P01'])
const TRIES = 5

/**
 * A pool, and for whom its statements ask. Several may share the pool, each asking for its own; one that nobody has narrowed or
 * widened asks for nobody: under the API's role it sees no organisation's rows.
 */
export class Db extends Reader {
  readonly #pool: pg.Pool
  readonly #scope: Scope
  constructor(pool: pg.Pool, scope: Scope = '') {
    super((config) => askWithin(pool, scope, config))
    this.#pool = pool
    this.#scope = scope
  }

  /** The same pool, for what belongs to one organisation. */
  forOrganization(id: bigint): Db {
    return new Db(this.#pool, `${id}`)
  }

  /** The same pool, for a person: of the organisations' rows, only where he is a member himself. */
  forPerson(id: bigint): Db {
    return new Db(this.#pool, `person:${id}`)
  }

  /** The same pool, for everybody's rows: for who calls, for figures and checks, for those who run Cauri. */
  forAll(): Db {
    return new Db(this.#pool, 'all')
  }

  /**
   * Runs one use case in one transaction (READ COMMITTED). Retried on serialisation failure and deadlock (40001,
   * 40P01), which is safe because no network can happen inside. Throws when nested.
   */
  async tx<T>(work: (tx: Tx) => Promise<T>, options: TxOptions<T> = {}): Promise<T> {
    assertNoTransaction('db.tx')
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(work, options.timeout_ms)
      } catch (error) {
        // The one place that retries: a deadlock's victim, and a commit whose fate its own key tells.
        if (attempt >= TRIES) throw error
        if (error instanceof CommitUnknown) {
          if (!options.reread) throw error
          await pause(100 * attempt)
          const found = await options.reread(this)
          if (found !== undefined) return found
        } else if (!RETRYABLE.has(sqlState(error))) throw error
        await pause(Math.random() * 20 * attempt)
      }
    }
  }

  async #once<T>(work: (tx: Tx) => Promise<T>, timeout_ms: number | undefined): Promise<T> {
    const client = await this.#pool.connect()
    const limit = timeout_ms === undefined ? undefined : timeout_ms + CLIENT_MARGIN_MS
    // Without a limit of its own, a link that stalls without breaking would hold these three for hours.
    const say = (text: string): Promise<unknown> =>
      client.query({ text, query_timeout: limit ?? QUERY_TIMEOUT_MS } as pg.QueryConfig)
    let lost: Error | undefined
    const onError = (error: Error): void => void (lost = error)
    client.on('error', onError)
    try {
      await say(beginning(timeout_ms) + scopeOfTransaction(client, this.#scope))
      const result = await inTransaction.run(true, () => work(new Tx(client, limit)))
      await say('commit').catch((error: unknown) => {
        throw sqlState(error) === '' || isShutdown(error) ? new CommitUnknown(error) : error
      })
      return result
    } catch (error) {
      // What the commit did is not known, and the link may still be busy with it: it is not used again.
      if (error instanceof CommitUnknown) lost ??= error
      if (!lost)
        await say('rollback').catch((cause: unknown) => {
          lost = cause instanceof Error ? cause : new Error(String(cause))
        })
      throw error
    } finally {
      client.off('error', onError)
      client.release(lost)
    }
  }

  /** Reads everything at one moment, whatever commits meanwhile. Changes nothing. */
  snapshot<T>(work: (db: Reader) => Promise<T>, timeout_ms: number): Promise<T> {
    return this.tx(
      async (tx) => {
        await tx.run(sql`set transaction isolation level repeatable read, read only`)
        return work(tx)
      },
      { timeout_ms },
    )
  }

  async end(): Promise<void> {
    await this.#pool.end()
  }
}

const beginning = (ms: number | undefined): string =>
  ms === undefined
    ? 'begin'
    : `begin; set local statement_timeout = ${ms}; set local idle_in_transaction_session_timeout = ${ms}`

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** The SQLSTATE of a PostgreSQL error, or '' for anything else (a lost connection has none). */
export const sqlState = (error: unknown): string =>
  error instanceof pg.DatabaseError && error.code !== undefined ? error.code : ''

/** 57P01–57P03 and class 08: the server went away; whether it committed is not known. */
const isShutdown = (error: unknown): boolean => /^(57P0[123]|08)/.test(sqlState(error))

/** The constraint that a statement broke, or ''. */
export const brokenConstraint = (error: unknown): string =>
  error instanceof pg.DatabaseError ? (error.constraint ?? '') : ''

/** Turns the breach of a named constraint into a refusal; anything else is thrown as it came. */
export function refuseOn(constraint: string, refusal: () => Refusal): (error: unknown) => never {
  return (error) => {
    throw brokenConstraint(error) === constraint ? refusal() : error
  }
}

export type DbOptions = {
  readonly url: string
  /** Connections at most. */
  readonly max?: number
  /** Shown in pg_stat_activity. */
  readonly name?: string
  /** The role that statements run as: the application's has no update or delete on the ledger. */
  readonly role?: string
}

/**
 * A pool with the time limits of every session: the server gives up (5 s) before the client does (8 s), so that a
 * client's time-out is never the first to know.
 */
export function openDb({ url, max = 10, name = 'cauri', role }: DbOptions): Db {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    application_name: name,
    types,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: 4_000,
    idle_in_transaction_session_timeout: 10_000,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    ...(role === undefined ? {} : { options: `-c role=${role}` }),
  })
  pool.on('error', () => undefined) // an idle connection died; the next query gets a fresh one
  return new Db(pool)
}

/** The API's is under row-level security; the worker's sees everything; the reader's reads, and no secrets. */
export type ProcessRole = 'cauri_api' | 'cauri_worker' | 'cauri_reader'

/**
 * A pool that runs as one of the roles which the migrations make: none can change what the ledger and the trail hold. Where the
 * database's user could not make it, as cauri_app, and where there is none either, as the user itself. Told which.
 */
export async function openAs(
  url: string,
  role: ProcessRole,
  {
    onRole,
    ...options
  }: Omit<DbOptions, 'url' | 'role'> & { readonly onRole?: (taken: string) => void } = {},
): Promise<Db> {
  const owner = openDb({ url, max: 1 })
  try {
    const usable = await owner.many<{ role: string }>(sql`
      select rolname as role from pg_roles
      where rolname = any (${[role, 'cauri_app']}::text[]) and pg_has_role(current_user, oid, 'set')
        and has_any_column_privilege(oid, to_regclass('platform_migrations'), 'select')
      order by rolname = 'cauri_app' limit 1`)
    const [taken] = usable
    onRole?.(taken?.role ?? 'the owner')
    return openDb({ url, ...options, ...taken })
  } finally {
    await owner.end()
  }
}
