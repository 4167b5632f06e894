import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { newId } from '../../platform/ids.ts'
import type { Clock } from '../clock.ts'
import { openDurableLog } from '../durable-log.ts'
import type { SmileIdSettings } from '../settings.ts'
import { outcomeOf, provisional } from './identities.ts'
import type { Outcome } from './identities.ts'

export type Version = 1 | 3

/** What is known of an image that came: never the image. */
export type Image = {
  readonly kind: string
  readonly type: string
  readonly bytes: number
  readonly sha256: string
}

/** What is said from a time on. */
export type Step = { readonly at: number; readonly outcome: Outcome; readonly is_final: boolean }

type Named = {
  /** The client's own id. */
  readonly job_id: string
  readonly user_id: string
  readonly callback_url: string | null
}

/** A job whose images may come (V1). */
export type Prepared = Named & {
  readonly k: 'prepared'
  readonly id: string
  readonly plan: Plan
  /** Secret part of the address where its archive goes. */
  readonly upload: string
  readonly at: number
}

/** A job whose images came: it is done, and costs money. */
export type Job = Named & {
  readonly k: 'taken'
  readonly id: string
  readonly version: Version
  readonly last_name: string
  readonly first_name: string
  readonly country: string
  readonly id_type: string | null
  readonly partner_params: Readonly<Record<string, unknown>>
  readonly images: readonly Image[]
  readonly at: number
  /** Fixed when it came; empty: nothing will ever be said. */
  readonly steps: readonly Step[]
}

/** `never`: nothing will be said. `called_first`: decided at once, and the client is called back before it has its answer. */
export type Plan = 'usual' | 'never' | 'provisional' | 'called_first'

export type NewJob = Omit<Job, 'k' | 'at' | 'steps'> & {
  /** What an archive that is none gets, whoever the person is. */
  readonly outcome?: Outcome
  readonly plan: Plan
}

type Line = Prepared | Job | { readonly k: 'told'; readonly id: string; readonly step: number }

export type Jobs = {
  readonly prepare: (named: Named & { readonly plan: Plan }, done: (prepared: Prepared) => void) => void
  /** Runs `done` once the job is written down, or, where its plan is `called_first`, once the client was called back. */
  readonly take: (job: NewJob, done: (job: Job) => void) => void
  readonly preparedAt: (upload: string) => Prepared | undefined
  readonly find: (id: string) => Job | undefined
  /** The last one that came under the client's ids. */
  readonly latest: (job_id: string, user_id: string) => Job | undefined
  readonly list: () => readonly Job[]
  /** What is said now. */
  readonly said: (job: Job) => Step | undefined
  readonly close: () => void
}

export type JobsOptions = {
  readonly folder: string
  readonly clock: Clock
  readonly settings: () => SmileIdSettings
  /** Calls the client back about a step, and runs `told` once that is over. */
  readonly callBack: (job: Job, step: Step, told: () => void) => void
}

/** Reads `smile-id.jsonl` back, plans the callbacks that are still due, and takes more. */
export function openJobs({ folder, clock, settings, callBack }: JobsOptions): Jobs {
  const prepared = new Map<string, Prepared>()
  const jobs = new Map<string, Job>()
  const latest = new Map<string, Job>()
  const told = new Set<string>()
  const keep = (line: Line): void => {
    if (line.k === 'told') told.add(`${line.id}|${line.step}`)
    else if (line.k === 'prepared') prepared.set(line.upload, line)
    else {
      jobs.set(line.id, line)
      latest.set(`${line.job_id}|${line.user_id}`, line)
    }
  }
  const log = openDurableLog(join(folder, 'smile-id.jsonl'), (text) => keep(JSON.parse(text) as Line))
  let prepared_count = prepared.size
  const write = (line: Line, done?: () => void): void =>
    log.append(JSON.stringify(line), () => {
      keep(line)
      done?.()
    })
  const plan = (job: Job, over?: () => void): void =>
    job.steps.forEach((step, i) => {
      if (told.has(`${job.id}|${i}`)) return
      clock.at(step.at, () => callBack(job, step, () => write({ k: 'told', id: job.id, step: i }, over)))
    })
  for (const job of jobs.values()) plan(job)

  return {
    prepare: (named, done) => {
      prepared_count += 1
      const id = String(prepared_count).padStart(10, '0')
      const line: Prepared = {
        ...named,
        k: 'prepared',
        id,
        upload: randomBytes(16).toString('hex'),
        at: clock.now(),
      }
      write(line, () => done(line))
    },
    take: ({ plan: how, outcome, ...job }, done) => {
      const at = clock.now()
      const final = outcome ?? outcomeOf(job.last_name, job.first_name, settings().unmatched)
      const steps = stepsOf(how, { at, final, settings: settings() })
      const line: Job = { ...job, k: 'taken', at, steps }
      write(line, () => {
        if (how === 'called_first') return plan(line, () => done(line))
        done(line)
        plan(line)
      })
    },
    preparedAt: (upload) => prepared.get(upload),
    find: (id) => jobs.get(id),
    latest: (job_id, user_id) => latest.get(`${job_id}|${user_id}`),
    list: () => [...jobs.values()],
    said: (job) => job.steps.findLast(({ at }) => at <= clock.now()),
    close: log.close,
  }
}

function stepsOf(
  plan: Plan,
  {
    at,
    final,
    settings,
  }: { readonly at: number; readonly final: Outcome; readonly settings: SmileIdSettings },
): readonly Step[] {
  const decided = at + settings.processing_ms
  switch (plan) {
    case 'never':
      return []
    case 'usual':
      return [{ at: decided, outcome: final, is_final: true }]
    case 'called_first':
      return [{ at, outcome: final, is_final: true }]
    case 'provisional':
      return [
        { at: decided, outcome: provisional, is_final: false },
        { at: decided + settings.review_ms, outcome: humanOf(final), is_final: true },
      ]
  }
}

/** People say the same under a code of their own. */
const humanOf = (outcome: Outcome): Outcome =>
  outcome.code === '0810' ? { ...outcome, code: '1210', text: 'Human Pass' } : outcome

/** As V3 names its jobs. */
export const newJobId = (): string => newId('job_')
