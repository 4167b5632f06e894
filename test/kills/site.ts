import { expect } from 'vitest'
import { upload } from '../../prove/processes/client.ts'
import {
  byPayee,
  judge,
  judgeAll,
  progressOf,
  settledOf,
  type Progress,
} from '../../prove/processes/judge.ts'
import { csvOf, newList, PAYER } from '../../prove/processes/lists.ts'
import {
  openMembers,
  QUICK,
  type Api,
  type Env,
  type Member,
  type Outside,
} from '../../prove/processes/members.ts'
import type { Db } from '../../src/platform/db.ts'
import { killRunning } from '../harness/child.ts'
import { atEnd } from '../harness/ends.ts'
import { emptyHome } from '../harness/home.ts'
import { until } from '../harness/wait.ts'

/** One API and one outside world, to which a test adds its workers. */
export type Site = {
  readonly api: Api
  readonly openWorker: (own?: Env) => Member
  readonly outside: Outside
  /** Uploads list `n` and gives the batch's name. */
  readonly pay: (n: number, lines: number) => Promise<string>
}

export async function openSite(url: string, latency_ms: number, own: Env = {}): Promise<Site> {
  const members = openMembers(emptyHome())
  // Members outlive a test that fails, and a worker that stands still does not hear SIGTERM.
  atEnd(killRunning)
  const outside = members.openOutside()
  const env = (): Env => ({ ...QUICK, DATABASE_URL: url, SCHEME_ADAPTER_URL: outside.adapter(), ...own })
  const api = members.openApi(env)
  await Promise.all([outside.start(), members.learnToStart()])
  await outside.control('PUT', '/_sim/settings', { mojaloop: { latency_ms: { transfer: latency_ms } } })
  await api.start()
  return {
    api,
    outside,
    openWorker: (more = {}) => members.openWorker(() => ({ ...env(), ...more })),
    pay: (n, lines) =>
      upload(api.base, { key: `list-${n}`, csv: csvOf(newList(n, lines)), payer_account: PAYER }, 20_000),
  }
}

/** Waits until that many lines have their outcome. */
export const untilSettled = (
  db: Db,
  bulk_id: string,
  lines: number,
  deadline_ms = 30_000,
): Promise<Progress> =>
  until(
    `${lines} lines of ${bulk_id} are settled`,
    async () => {
      const now = await progressOf(db, bulk_id).catch(() => undefined) // the database may be away
      return now !== undefined && settledOf(now) >= lines ? now : undefined
    },
    deadline_ms,
  )

/** All of list `n` is paid, each line once, and every franc is where it should be. */
export async function expectAllPaid(
  db: Db,
  outside: Pick<Outside, 'paid'>,
  bulk_id: string,
  n: number,
  lines: number,
): Promise<void> {
  expect(await progressOf(db, bulk_id)).toMatchObject({ state: 'COMPLETED', paid: lines, in_doubt: 0 })
  const log = await outside.paid()
  expect(await judge(db, bulk_id, newList(n, lines), byPayee(log))).toEqual({
    paid: lines,
    failed: 0,
    cancelled: 0,
    twice: 0,
    lost: 0,
    stuck: 0,
    review: 0,
    wrong: [],
  })
  expect(await judgeAll(db, [bulk_id], log)).toEqual([])
}
