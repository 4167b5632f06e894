import { expect, test } from 'vitest'
import { progressOf } from '../../prove/processes/judge.ts'
import { never, type Member } from '../../prove/processes/members.ts'
import { sql, type Db } from '../../src/platform/db.ts'
import { freshDatabase } from '../harness/database.ts'
import { until } from '../harness/wait.ts'
import { expectAllPaid, openSite, untilSettled } from './site.ts'

const LINES = 1_200

const workerOf = async (db: Db): Promise<string | null> =>
  (await db.one<{ worker: string | null }>(sql`select worker from payments_connections`)).worker

/** So that a batch lasts seconds on any machine. */
const SLOWLY = { MOJALOOP_RATE_PER_S: '600' }

const pidOf = (worker: string | null): number => Number(worker?.split(':')[1])

/** The worker that drives, and the one that stands by. */
async function byDriving(db: Db, members: readonly Member[]): Promise<readonly [Member, Member]> {
  const pid = pidOf(await workerOf(db))
  const drives = members.find((member) => member.pid() === pid) ?? never(`nobody drives: ${pid}`)
  const stands_by = members.find((member) => member !== drives) ?? never('nobody stands by')
  return [drives, stands_by]
}

/** What the engine wrote down about lines that left the straight path. */
const detours = (db: Db): Promise<object[]> =>
  db.many(sql`select what, count(*)::integer as lines from payments_evidence group by what`)

test(
  'a worker that is told to stop ends in time, leaves nothing in doubt, and the next one goes on at once',
  { timeout: 60_000 },
  async () => {
    const { db, url } = await freshDatabase()
    // A lease far longer than the test: whoever waited for its end would not finish.
    const { openWorker, outside, pay, api } = await openSite(url, 30, { ...SLOWLY, LEASE_S: '300' })
    const members = [openWorker(), openWorker()]
    await Promise.all(members.map((member) => member.start()))
    const bulk_id = await pay(90, LINES)
    const { paid } = await untilSettled(db, bulk_id, 300)
    const [told, other] = await byDriving(db, members)
    const asked = performance.now()
    told.running().kill('SIGTERM')
    expect(await told.running().exited).toEqual({ code: 0, signal: null })
    expect(performance.now() - asked).toBeLessThan(10_000)
    expect(paid).toBeLessThan(LINES)
    await untilSettled(db, bulk_id, LINES)
    expect(pidOf(await workerOf(db))).toBe(other.pid())
    expect(await detours(db)).toEqual([])
    await expectAllPaid(db, outside, bulk_id, 90, LINES)
    for (const member of [api, other]) {
      member.running().kill('SIGTERM')
      expect(await member.running().exited).toEqual({ code: 0, signal: null })
    }
  },
)

test(
  'a worker that was frozen past its lease wakes up harmless: another has taken over, and nobody is paid twice',
  { timeout: 60_000 },
  async () => {
    const { db, url } = await freshDatabase()
    const { openWorker, outside, pay } = await openSite(url, 30, SLOWLY)
    const members = [openWorker(), openWorker()]
    await Promise.all(members.map((member) => member.start()))
    const bulk_id = await pay(91, LINES)
    await untilSettled(db, bulk_id, 200)
    const [frozen, other] = await byDriving(db, members)
    const before = await progressOf(db, bulk_id)
    process.kill(frozen.pid(), 'SIGSTOP')
    // Stopped in the middle of a transaction it holds its locks until the server ends its session, ten seconds later.
    const driver = async (): Promise<boolean> => pidOf(await workerOf(db)) === other.pid()
    await until('the other drives', driver, 30_000)
    await untilSettled(db, bulk_id, before.paid + 400)
    process.kill(frozen.pid(), 'SIGCONT')
    await untilSettled(db, bulk_id, LINES)
    expect(before.paid).toBeLessThan(LINES)
    await expectAllPaid(db, outside, bulk_id, 91, LINES)
    // It is well: it stands by, takes over when the other goes, and stops as it should.
    other.running().kill('SIGTERM')
    expect(await other.running().exited).toEqual({ code: 0, signal: null })
    await until('the thawed one drives', async () => pidOf(await workerOf(db)) === frozen.pid())
    frozen.running().kill('SIGTERM')
    expect(await frozen.running().exited).toEqual({ code: 0, signal: null })
  },
)
