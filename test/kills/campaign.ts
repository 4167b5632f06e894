import { setTimeout as pause } from 'node:timers/promises'
import type { Breach } from '../../src/ledger/index.ts'
import { checkAll } from '../../src/payments/index.ts'
import type { Db } from '../../src/platform/db.ts'
import { until } from '../harness/wait.ts'
import {
  learnToStart,
  openOutside,
  openRole,
  QUICK,
  upload,
  type Api,
  type Member,
  type Outside,
} from './cauri.ts'
import {
  csvOf,
  inReview,
  judge,
  newList,
  PAYER,
  progressOf,
  settledOf,
  type Due,
  type Progress,
  type Verdict,
} from './judge.ts'

export type Victim = 'worker' | 'api' | 'api in an upload' | 'api and worker' | 'simulators'

/** What the rail does to a share of the calls while a batch is paid. */
export type Weather = { readonly name: string; readonly faults: readonly object[] }

const LINES = 2_000
const REFUSALS = 10
const KILLS_PER_BATCH = 4
/** Long enough for hundreds of calls to be under way or claimed at any moment. */
const LATENCY_MS = 25
const RECOVERS_MS = 20_000
const MOMENT_MS = 40_000
/** A batch in which nothing happens for so long is stuck. */
const STUCK_MS = 15_000

const WEATHERS: readonly Weather[] = [
  { name: 'clear', faults: [] },
  { name: '30 % 500 after it took it', faults: [{ kind: 'http_500_after_accept', probability: 0.3 }] },
  { name: '20 % 500 and nothing done', faults: [{ kind: 'http_500_no_create', probability: 0.2 }] },
  { name: '10 % answers lost', faults: [{ kind: 'init_lost_response', probability: 0.1 }] },
  {
    name: '40 % of three kinds',
    faults: [
      { kind: 'http_500_after_accept', probability: 0.2 },
      { kind: 'http_500_no_create', probability: 0.2 },
      { kind: 'http_503_429', probability: 0.05 },
    ],
  },
  {
    name: '20 paid long after',
    faults: [{ kind: 'late_success_after_expiry', probability: 0.02, times: 20 }],
  },
]

export type Round = {
  readonly round: number
  readonly batch: number
  readonly victim: Victim
  readonly weather: string
  /** Lines settled, of all, when the victim died. */
  readonly when: string
  readonly in_doubt: number
  /** From the kill until it serves again, or pays again. */
  recovered_ms: number
}

type Batch = { readonly n: number; readonly list: readonly Due[]; readonly bulk_id: string }

export type Judged = Verdict & { readonly paid: number; readonly failed: number }

export type Campaign = {
  readonly rounds: readonly Round[]
  /** What the judge found, by the number of the batch. */
  readonly verdicts: ReadonlyMap<number, Judged>
  readonly bulks: readonly string[]
  /** What the product's own checks said right after each kill. */
  readonly breaches: readonly Breach[]
  readonly outside: Outside
  /** Kills one after the other, in the middle of as many batches as it takes. */
  readonly run: (victims: readonly Victim[]) => Promise<void>
}

type Inner = {
  readonly db: Db
  readonly random: () => number
  readonly seed: number
  readonly api: Api
  readonly worker: Member
  readonly outside: Outside
  readonly accepted: Map<number, Promise<Batch>>
  /** The batches that had their turn, in order. */
  readonly bulks: string[]
  readonly rounds: Round[]
  readonly breaches: Breach[]
  readonly verdicts: Map<number, Judged>
  weather: Weather
  /** The API on its way up: payments go on without it. */
  back: Promise<unknown>
}

/**
 * The product as it runs on a real site, each role a process: batch after batch is uploaded and paid while its
 * processes are killed, and started again at once. Everything is drawn from the seed.
 */
export function openCampaign(db: Db, url: string, seeded: { seed: number; random: () => number }): Campaign {
  const outside = openOutside()
  const env = (): Record<string, string> => ({
    ...QUICK,
    DATABASE_URL: url,
    SCHEME_ADAPTER_URL: outside.adapter(),
  })
  const inner: Inner = {
    ...seeded,
    db,
    outside,
    api: openRole('api', env),
    worker: openRole('worker', env),
    accepted: new Map(),
    bulks: [],
    rounds: [],
    breaches: [],
    verdicts: new Map(),
    weather: { name: 'clear', faults: [] },
    back: Promise.resolve(),
  }
  return {
    rounds: inner.rounds,
    verdicts: inner.verdicts,
    bulks: inner.bulks,
    breaches: inner.breaches,
    outside,
    run: async (victims) => {
      await Promise.all([outside.start(), learnToStart()])
      await Promise.all([inner.api.start(), inner.worker.start()])
      let batch: Batch | undefined
      for (const victim of victims) {
        if (victim.startsWith('api')) await inner.back
        // A batch that was uploaded in time may be paid before its turn.
        while (batch === undefined || !(await hasMiddle(inner, batch))) {
          if (batch !== undefined) await finish(inner, batch)
          batch = await begin(inner)
        }
        await strike(inner, batch, victim)
      }
      if (batch !== undefined) await finish(inner, batch)
      while (inner.bulks.length < inner.accepted.size) await finish(inner, await begin(inner))
    },
  }
}

/** The next batch, under the next weather. */
async function begin(inner: Inner): Promise<Batch> {
  const n = inner.bulks.length
  inner.weather = WEATHERS[n % WEATHERS.length] ?? inner.weather
  await blow(inner)
  const batch = await accept(inner, n)
  inner.bulks.push(batch.bulk_id)
  return batch
}

/** Whether another kill can still come in the middle of it. */
const hasMiddle = async ({ db, rounds }: Inner, batch: Batch): Promise<boolean> =>
  rounds.filter((round) => round.batch === batch.n).length < KILLS_PER_BATCH &&
  settledOf(await progressOf(db, batch.bulk_id)) < LINES * 0.8

async function finish(inner: Inner, batch: Batch): Promise<void> {
  const { db, outside, verdicts } = inner
  await Promise.all([end(inner, batch), inner.back])
  const { paid, failed } = await progressOf(db, batch.bulk_id)
  const verdict = await judge(db, batch.bulk_id, batch.list, await outside.paid())
  verdicts.set(batch.n, { ...verdict, paid, failed })
}

/** Sets the weather, also after the simulators were killed: it is not in their log. */
async function blow({ outside, weather, seed }: Inner): Promise<void> {
  await outside.control('PUT', '/_sim/settings', { mojaloop: { latency_ms: { transfer: LATENCY_MS } } })
  await outside.control('DELETE', '/_sim/faults')
  for (const [i, fault] of weather.faults.entries())
    await outside.control('POST', '/_sim/faults', { ...fault, seed: (seed % 1_000_000) + i })
}

/** The batch of list `n`, uploaded once whatever happens to the API meanwhile. */
function accept(inner: Inner, n: number): Promise<Batch> {
  const known = inner.accepted.get(n)
  if (known !== undefined) return known
  const list = newList(n, LINES, REFUSALS)
  const what = { key: `list-${inner.seed}-${n}`, csv: csvOf(list), payer_account: PAYER }
  const batch = upload(inner.api.base, what, RECOVERS_MS).then((bulk_id) => ({ n, list, bulk_id }))
  batch.catch(() => undefined) // whoever awaits it first hears of it
  inner.accepted.set(n, batch)
  return batch
}

/** Waits for the moment drawn, kills, starts again, and waits until the batch moves on. */
async function strike(inner: Inner, batch: Batch, victim: Victim): Promise<void> {
  const { db, random } = inner
  const progress = (): Promise<Progress> => progressOf(db, batch.bulk_id)
  const settled = settledOf(await progress())
  const moment = settled + 1 + random() * 0.3 * (LINES - settled)
  const before = await until(
    `${moment} lines of ${batch.bulk_id} are settled`,
    async () => {
      const now = await progress()
      return settledOf(now) >= moment ? now : undefined
    },
    MOMENT_MS,
  )
  if (victim === 'api in an upload') {
    void accept(inner, inner.accepted.size)
    await pause(random() * 200)
  }
  const dead = membersOf(inner, victim)
  await Promise.all(dead.map((member) => member.kill()))
  const started = performance.now()
  const after = await progress()
  inner.breaches.push(...(await checkAll(db)))
  const round = {
    round: inner.rounds.length + 1,
    batch: batch.n,
    victim,
    weather: inner.weather.name,
    when: `${Math.round((settledOf(before) / LINES) * 100)} %`,
    in_doubt: after.in_doubt,
    recovered_ms: 0,
  }
  inner.rounds.push(round)
  const up = async (): Promise<void> => {
    await Promise.all(dead.map((member) => member.start()))
    if (victim === 'simulators') await blow(inner)
    if (victim.includes('worker') || victim === 'simulators')
      await until(
        `${batch.bulk_id} moves on after the ${victim} of round ${round.round} was killed`,
        async () => {
          const now = await progress()
          return settledOf(now) > settledOf(after) || isFinal(now.state)
        },
        RECOVERS_MS,
      )
    round.recovered_ms = Math.round(performance.now() - started)
  }
  if (victim === 'api' || victim === 'api in an upload') inner.back = up()
  else await up()
}

const membersOf = ({ api, worker, outside }: Inner, victim: Victim): readonly Member[] =>
  ({
    worker: [worker],
    api: [api],
    'api in an upload': [api],
    'api and worker': [api, worker],
    simulators: [outside],
  })[victim]

const isFinal = (state: string): boolean => state !== 'PENDING' && state !== 'PROCESSING'

/** Waits until every line is final or in review, as long as some get there; the judge will find the others stuck. */
async function end(inner: Inner, { bulk_id }: Batch): Promise<void> {
  const late = inner.weather.faults.some((fault) => JSON.stringify(fault).includes('late'))
  for (let left = -1, since = performance.now(); performance.now() - since < STUCK_MS; await pause(50)) {
    // The rail's own clock moves on, so that what it pays late is paid.
    if (late) await inner.outside.control('POST', '/_sim/clock', { advance_s: 25 })
    const now = await progressOf(inner.db, bulk_id)
    const reviews = now.uncertain > 0 ? await inReview(inner.db, bulk_id) : 0
    const open = now.total - settledOf(now) - reviews
    if (open === 0) return
    if (open !== left) since = performance.now()
    left = open
  }
}
