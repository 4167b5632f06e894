import { PgBoss, type Db as BossDb, type JobWithMetadata } from 'pg-boss'
import type { Tx } from './db.ts'
import type { Log } from './log.ts'

/** A queue as data: how often a job is tried, and how long one run may take. */
export type QueueRules = {
  /** Further tries after the first one; then the job is dead. */
  readonly retries?: number
  /** First pause; it doubles, up to an hour. */
  readonly retry_delay_s?: number
  /** A run that takes longer counts as failed, and is tried again. */
  readonly expire_s?: number
  /**
   * Whether a sent job wakes its workers at once (default). False for a queue that busy transactions send to: NOTIFY
   * takes a lock of the whole database at commit.
   */
  readonly notify?: boolean
}

export type SendJob = {
  /** Not before this moment. Money never depends on it: deadlines are rows. */
  readonly start_after?: Date
  /** At most one waiting job with this key (per `singleton_s`, when given). */
  readonly singleton_key?: string
  readonly singleton_s?: number
  readonly priority?: number
}

export type Job<T> = {
  readonly id: string
  readonly data: T
  /** 0 at the first run. */ readonly tries: number
}

export type WorkRules = {
  /** Jobs fetched at once; they run one after the other. A full batch is followed by the next without a pause. */
  readonly batch?: number
  /** Batches at once in this process. */
  readonly concurrency?: number
  /** Slowest look for jobs when no notification came (delayed jobs and retries are found by it). */
  readonly poll_s?: number
}

export type DeadJob = {
  readonly id: string
  readonly queue: string
  readonly data: unknown
  /** What the last try said. */
  readonly error: unknown
  readonly tries: number
  readonly created_at: Date
  readonly died_at: Date
}

export type Jobs<Queue extends string> = {
  /**
   * Enqueues in the caller's transaction: the job exists when the fact does. Answers the job's id, or null when a
   * `singleton_key` was taken. A job runs at least once: its handler must bear to be run again.
   */
  readonly send: (tx: Tx, queue: Queue, data: object, options?: SendJob) => Promise<string | null>
  readonly work: <T>(
    queue: Queue,
    handler: (job: Job<T>) => Promise<void>,
    rules?: WorkRules,
  ) => Promise<void>
  /** Cron expression of five fields, UTC; one job per occurrence however many processes run. */
  readonly schedule: (queue: Queue, cron: string, data?: object) => Promise<void>
  /** Jobs whose tries are used up, newest first. */
  readonly listDead: () => Promise<readonly DeadJob[]>
  /** Sends a dead job back to its queue; answers whether there was one. */
  readonly retry: (id: string) => Promise<boolean>
  /** Waits for running handlers, at most `timeout_ms`; what is cut runs again elsewhere. */
  readonly stop: (timeout_ms?: number) => Promise<void>
}

const DEAD = 'dead'
const TEN_YEARS_S = 315_360_000
const HOUR_S = 3_600

/**
 * Starts the job queue on its own small pool, as the owner of the schema `pgboss` (created and migrated here). The
 * role `cauri_app` may enqueue. LISTEN needs a session, so the URL must not lead through a transaction-pooling proxy.
 */
export async function openJobs<Queue extends string>(
  url: string,
  queues: Readonly<Record<Queue, QueueRules>>,
  log: Log,
): Promise<Jobs<Queue>> {
  const boss = new PgBoss({
    connectionString: url,
    application_name: 'cauri jobs',
    max: 3,
    useListenNotify: true,
    monitorIntervalSeconds: 300,
  })
  boss.on('error', (err) => log.warn({ err }, 'the job queue met trouble'))
  boss.on('warning', (warning) => log.warn({ warning }, 'the job queue warns'))
  await boss.start()
  await allowSending(boss.getDb())
  await boss.createQueue(DEAD, { retentionSeconds: TEN_YEARS_S, deleteAfterSeconds: 0 })
  for (const [name, rules] of Object.entries<QueueRules>(queues)) await declare(boss, name, rules)

  return {
    send: (tx, queue, data, options = {}) => boss.send(queue, data, { ...optionsOf(options), db: inTx(tx) }),
    work: (queue, handler, rules) => work(boss, log, queue, handler, rules),
    schedule: (queue, cron, data = {}) => boss.schedule(queue, cron, data),
    listDead: async () => {
      const jobs = await boss.findJobs<object>(DEAD, { queued: true })
      return jobs.map(deadJob).toSorted((a, b) => b.died_at.getTime() - a.died_at.getTime())
    },
    retry: async (id) => (await boss.redrive(DEAD, { ids: [id] })) === 1,
    stop: (timeout_ms = 10_000) => boss.stop({ graceful: true, timeout: timeout_ms }),
  }
}

async function declare(boss: PgBoss, name: string, rules: QueueRules): Promise<void> {
  const options = {
    retryLimit: rules.retries ?? 5,
    retryDelay: rules.retry_delay_s ?? 1,
    retryBackoff: true,
    retryDelayMax: HOUR_S,
    expireInSeconds: rules.expire_s ?? 300,
    deadLetter: DEAD,
    notify: rules.notify ?? true,
  }
  await boss.createQueue(name, options)
  const { retryDelayMax: _fixed, ...changeable } = options
  await boss.updateQueue(name, changeable) // the rules of this version, where an older one made the queue
}

/** Runs the batch's jobs in turn, each with its own outcome. This is the job runner's catch. */
async function work<T>(
  boss: PgBoss,
  log: Log,
  queue: string,
  handler: (job: Job<T>) => Promise<void>,
  { batch = 10, concurrency = 1, poll_s = 10 }: WorkRules = {},
): Promise<void> {
  const options = {
    batchSize: batch,
    localConcurrency: concurrency,
    burstWhenBatchFull: true, // else a backlog on a notifying queue drains one batch per poll
    pollingIntervalSeconds: Math.min(poll_s, 2),
    notifyPollingIntervalSeconds: poll_s,
    perJobResults: true,
  } as const
  await boss.work<T, void, typeof options>(queue, options, async (jobs) => {
    const results = []
    for (const { id, data, retryCount } of jobs) {
      const outcome = await handler({ id, data, tries: retryCount }).then(
        () => ({ id, status: 'completed' as const }),
        (err: unknown) => {
          log.warn({ err, job_id: id, queue, tries: retryCount }, 'a job failed')
          const said = err instanceof Error ? err.message : String(err)
          return { id, status: 'failed' as const, output: { message: said.slice(0, 500) } }
        },
      )
      results.push(outcome)
    }
    return results
  })
}

const optionsOf = (options: SendJob): Record<string, unknown> => ({
  ...(options.start_after === undefined ? {} : { startAfter: options.start_after }),
  ...(options.singleton_key === undefined ? {} : { singletonKey: options.singleton_key }),
  ...(options.singleton_s === undefined ? {} : { singletonSeconds: options.singleton_s }),
  ...(options.priority === undefined ? {} : { priority: options.priority }),
})

const inTx = (tx: Tx): BossDb => ({
  executeSql: async (text, values = []) => ({ rows: await tx.many({ text, values }) }),
})

const deadJob = (job: JobWithMetadata<object>): DeadJob => ({
  id: job.id,
  queue: job.sourceName ?? job.name,
  data: job.data,
  error: job.sourceOutput,
  tries: (job.sourceRetryCount ?? 0) + 1,
  created_at: job.sourceCreatedOn ?? job.createdOn,
  died_at: job.createdOn,
})

/**
 * What the in-transaction `send` needs, for the role of the application's statements. One process at a time: two grants
 * on the same thing at once fail («tuple concurrently updated»), and with them the start of the second process.
 */
async function allowSending(db: BossDb): Promise<void> {
  await db.executeSql(`do $$ begin
    perform pg_advisory_xact_lock(hashtext('cauri: grants on pgboss'));
    if exists (select from pg_roles where rolname = 'cauri_app') then
      grant usage on schema pgboss to cauri_app;
      grant select, insert, update on all tables in schema pgboss to cauri_app;
      grant execute on all functions in schema pgboss to cauri_app;
    end if;
  end $$`)
}
