import { crashPoint } from './crash-point.ts'
import { assertNoTransaction, sql, sqlState, type Db, type Reader, type Tx } from './db.ts'
import type { Log } from './log.ts'

/** A fact that others will be told (SMS, e-mail, webhook). */
export type OutboxRow<Kind extends string = string> = {
  readonly id: bigint
  readonly kind: Kind
  /** What it is about: a public id. */
  readonly subject: string
  readonly payload: unknown
  /** Earlier tries that failed. */
  readonly tries: number
  readonly created_at: Date
}

/** One handler for each kind. It writes deliveries or jobs with the same `tx`; it never touches the network. */
export type OutboxHandlers<Kind extends string> = Readonly<
  Record<Kind, (tx: Tx, row: OutboxRow<Kind>) => Promise<void>>
>

/** Records a fact in the transaction that makes it true. The payload is plain JSON. */
export async function add<Kind extends string>(
  tx: Tx,
  kind: Kind,
  subject: string,
  payload: unknown,
): Promise<void> {
  await tx.run(sql`
    insert into platform_outbox (kind, subject, payload)
    values (${kind}, ${subject}, ${JSON.stringify(payload)})`)
}

const BATCH = 100
const MAX_TRIES = 12
const LONGEST_PAUSE_S = 3_600

/**
 * Hands the due rows to their handlers, oldest first, each with its own savepoint in one transaction per hundred
 * rows; several workers share the work (`skip locked`). A row whose handler throws is tried again after 2, 4, 8 …
 * seconds; after twelve tries it is dead, kept and listed. Answers how many rows were taken.
 */
export async function drainOutbox<Kind extends string>(
  db: Db,
  handlers: OutboxHandlers<Kind>,
  { log, max_tries = MAX_TRIES }: { readonly log: Log; readonly max_tries?: number },
): Promise<number> {
  assertNoTransaction('drainOutbox')
  let taken = 0
  for (;;) {
    const count = await db.tx(async (tx) => {
      const rows = await lockDue(tx)
      if (rows.length > 0) crashPoint('outbox.taken')
      for (const row of rows) await handle(tx, row, handlers, { log, max_tries })
      if (rows.length > 0) crashPoint('outbox.handled')
      return rows.length
    })
    taken += count
    if (count < BATCH) return taken
  }
}

async function handle<Kind extends string>(
  tx: Tx,
  row: OutboxRow,
  handlers: OutboxHandlers<Kind>,
  { log, max_tries }: { readonly log: Log; readonly max_tries: number },
): Promise<void> {
  await tx.run(sql`savepoint outbox_row`)
  try {
    if (!isKind(row, handlers)) throw new Error(`no handler for the kind ${row.kind}`)
    await handlers[row.kind](tx, row)
    await deleteRow(tx, row.id)
    await tx.run(sql`release savepoint outbox_row`)
  } catch (error) {
    // A fourth catch, as the job runner's: one bad row must not hold up the others. What concerns the whole
    // transaction (deadlock, serialisation, a lost connection) is not the row's fault and goes up.
    if (/^(40001|40P01|57|08)/.test(sqlState(error))) throw error
    await tx.run(sql`rollback to savepoint outbox_row`)
    const dead = row.tries + 1 >= max_tries
    await postpone(tx, row, error, dead)
    const fields = { outbox_id: String(row.id), kind: row.kind, tries: row.tries + 1, err: error }
    if (dead) log.error(fields, 'an outbox row is dead')
    else log.warn(fields, 'an outbox row will be tried again')
  }
}

const isKind = <Kind extends string>(
  row: OutboxRow,
  handlers: OutboxHandlers<Kind>,
): row is OutboxRow<Kind> => Object.hasOwn(handlers, row.kind)

/** The dead rows, newest first, with what their last try said. */
export const listDeadOutbox = (
  db: Reader,
  limit = 100,
): Promise<(OutboxRow & { readonly last_error: string; readonly dead_at: Date })[]> =>
  db.many(sql`
    select id, kind, subject, payload, tries, created_at, last_error, dead_at
    from platform_outbox where dead_at is not null order by dead_at desc, id desc limit ${limit}`)

/** How many rows of a kind wait or are dead, by subject: what was drained is not here any more. */
export async function countOutbox(db: Reader, kind: string): Promise<ReadonlyMap<string, number>> {
  const rows = await db.many<{ subject: string; n: bigint }>(sql`
    select subject, count(*) as n from platform_outbox where kind = ${kind} group by subject`)
  return new Map(rows.map((row) => [row.subject, Number(row.n)]))
}

/** Gives a dead row its tries back; answers whether there was one. */
export const reviveOutbox = async (tx: Tx, id: bigint): Promise<boolean> =>
  (await tx.run(sql`
    update platform_outbox set dead_at = null, tries = 0, due_at = clock_timestamp()
    where id = ${id} and dead_at is not null`)) === 1

/** Drains again and again; `wake` brings the next round forward. */
export type OutboxRunner = { readonly wake: () => void; readonly close: () => Promise<void> }

/** Runs `drain` every `every_ms`, and at once after `wake`; rounds never overlap. A round that fails is logged. */
export function runOutbox(drain: () => Promise<unknown>, log: Log, every_ms = 2_000): OutboxRunner {
  let closed = false
  let woken = false
  let round = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  const plan = (wait: number): void => {
    if (!closed) timer = setTimeout(() => void (round = turn()), wait)
  }
  const turn = async (): Promise<void> => {
    timer = undefined
    woken = false
    // The job runner's catch: the database may be away for a while.
    await drain().catch((err: unknown) => log.warn({ err }, 'a round of the outbox failed'))
    plan(woken ? 0 : every_ms)
  }
  plan(0)
  return {
    wake: () => {
      woken = true
      if (timer === undefined) return
      clearTimeout(timer)
      plan(0)
    },
    close: async () => {
      closed = true
      clearTimeout(timer)
      await round
    },
  }
}

const lockDue = (tx: Tx): Promise<OutboxRow[]> =>
  tx.many(sql`
    select id, kind, subject, payload, tries, created_at from platform_outbox
    where dead_at is null and due_at <= clock_timestamp()
    order by id limit ${BATCH} for update skip locked`)

const deleteRow = (tx: Tx, id: bigint): Promise<number> =>
  tx.run(sql`delete from platform_outbox where id = ${id}`)

function postpone(tx: Tx, row: OutboxRow, error: unknown, dead: boolean): Promise<number> {
  const pause_s = Math.min(2 ** (row.tries + 1), LONGEST_PAUSE_S)
  const said = (error instanceof Error ? error.message : String(error)).slice(0, 500)
  return tx.run(sql`
    update platform_outbox
    set tries = tries + 1, last_error = ${said}, due_at = clock_timestamp() + ${`${pause_s} seconds`}::interval,
      dead_at = case when ${dead}::boolean then clock_timestamp() end
    where id = ${row.id}`)
}
