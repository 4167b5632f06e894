import { record } from '../audit/index.ts'
import type { Db } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { openJobs, type Jobs } from '../platform/jobs.ts'
import { listDeadOutbox, reviveOutbox } from '../platform/outbox.ts'
import { operator, withDatabase, type Place } from './database.ts'
import { branch, leaf, type Common, type Group } from './group.ts'
import { columns, print } from './print.ts'
import { inWords } from './words.ts'

export const jobs: Group = (program) => {
  const group = branch(program, 'jobs', 'background work whose tries are used up')
  leaf(group, 'list', 'dead jobs and dead outbox rows, newest first').action(list)
  leaf(group, 'retry', 'give one its tries back')
    .argument('<id>', 'as jobs list shows it')
    .option('--by <name>', 'who decides, for the audit trail (default: the user of this machine)')
    .action(retry)
}

/** The queue without queues of its own: it reads what is dead, and works on nothing. */
async function withJobs<T>(
  db: Db,
  { url, log }: Place,
  work: (queue: Jobs<never>) => Promise<T>,
): Promise<T> {
  await db.run({ text: 'select cauri_now()', values: [] }) // no tables yet: say so, rather than make the queue's
  const queue = await openJobs<never>(url, {}, log)
  try {
    return await work(queue)
  } finally {
    await queue.stop(1_000)
  }
}

const MOST_ROWS = 1_000
/** An id of the outbox, told from a job's (a UUID). */
const OUTBOX = /^outbox-(\d{1,18})$/
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

async function list(options: Common): Promise<void> {
  const dead = await withDatabase(async (db, place) => {
    const facts = await listDeadOutbox(db, MOST_ROWS)
    const tasks = await withJobs(db, place, (queue) => queue.listDead())
    return [
      ...tasks.map((job) => ({
        id: job.id,
        kind: job.queue,
        subject: null,
        error: wordsOf(job.error),
        tries: job.tries,
        died_at: job.died_at.toISOString(),
      })),
      ...facts.map((row) => ({
        id: `outbox-${row.id}`,
        kind: row.kind,
        subject: row.subject,
        error: row.last_error,
        tries: row.tries,
        died_at: row.dead_at.toISOString(),
      })),
    ].toSorted((a, b) => b.died_at.localeCompare(a.died_at))
  })
  print(options, { jobs: dead }, () =>
    dead.length === 0
      ? inWords({ en: 'Nothing is dead.', fr: 'Rien n’est mort.' })
      : columns(
          [
            'id',
            inWords({ en: 'kind', fr: 'genre' }),
            inWords({ en: 'died', fr: 'mort' }),
            inWords({ en: 'error', fr: 'erreur' }),
          ],
          dead.map((one) => [one.id, one.kind, one.died_at.slice(0, 16).replace('T', ' '), one.error]),
        ),
  )
}

function wordsOf(said: unknown): string {
  if (typeof said === 'string') return said
  if (typeof said !== 'object' || said === null) return ''
  return 'message' in said && typeof said.message === 'string' ? said.message : JSON.stringify(said)
}

async function retry(id: string, options: Common & { readonly by?: string }): Promise<void> {
  await withDatabase(async (db, place) => {
    const act = { actor: options.by ?? operator(), action: 'job.retried', subject: `job:${id}` }
    const row = OUTBOX.exec(id)?.[1]
    const there =
      row === undefined
        ? UUID.test(id) && (await withJobs(db, place, (queue) => queue.retry(id)))
        : await db.tx((tx) => reviveOutbox(tx, BigInt(row)))
    if (!there) throw new Refusal('JOB_NOT_FOUND', { members: { id } })
    await db.tx((tx) => record(tx, act))
  })
  print(options, { id, retried: true }, () =>
    inWords({ en: `${id} is tried again.`, fr: `${id} est repris.` }),
  )
}
