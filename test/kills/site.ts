import { expect } from 'vitest'
import type { Db } from '../../src/platform/db.ts'
import { until } from '../harness/wait.ts'
import {
  learnToStart,
  openOutside,
  openRole,
  QUICK,
  upload,
  type Api,
  type Env,
  type Outside,
} from './cauri.ts'
import { csvOf, judge, judgeAll, newList, PAYER, progressOf, settledOf, type Progress } from './judge.ts'

/** One API and one outside world, to which a test adds its workers. */
export type Site = {
  readonly api: Api
  readonly outside: Outside
  readonly env: () => Env
  /** Uploads list `n` and gives the batch's name. */
  readonly pay: (n: number, lines: number) => Promise<string>
}

export async function openSite(url: string, latency_ms: number, own: Env = {}): Promise<Site> {
  const outside = openOutside()
  const env = (): Env => ({ ...QUICK, DATABASE_URL: url, SCHEME_ADAPTER_URL: outside.adapter(), ...own })
  const api = openRole('api', env)
  await Promise.all([outside.start(), learnToStart()])
  await outside.control('PUT', '/_sim/settings', { mojaloop: { latency_ms: { transfer: latency_ms } } })
  await api.start()
  return {
    api,
    outside,
    env,
    pay: (n, lines) =>
      upload(api.base, { key: `list-${n}`, csv: csvOf(newList(n, lines, 0)), payer_account: PAYER }, 20_000),
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
  expect(await judge(db, bulk_id, newList(n, lines, 0), log)).toEqual({
    twice: 0,
    lost: 0,
    stuck: 0,
    review: 0,
    wrong: [],
  })
  expect(await judgeAll(db, [bulk_id], log)).toEqual([])
}
