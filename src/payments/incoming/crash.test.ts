import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import {
  adapterAt,
  holdLock,
  mismatches,
  openPayee,
  receivedBy,
  type Adapter,
} from '../../../test/harness/backend.ts'
import { freshDatabase } from '../../../test/harness/database.ts'
import { emptyHome } from '../../../test/harness/home.ts'
import { spawnNode, type NodeProcess } from '../../../test/harness/process.ts'
import { freePort, seeded } from '../../../test/harness/seed.ts'
import { until } from '../../../test/harness/wait.ts'
import { sql, type Db } from '../../platform/db.ts'

const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url))

let db: Db
let url: string
beforeAll(async () => {
  ;({ db, url } = await freshDatabase())
  await openPayee(db, 'ACC-CRASH')
})

type Cauri = { readonly process: NodeProcess; readonly adapter: Adapter }

/** The product itself, as the adapter meets it: its own process, no simulator, no worker. */
async function start(port: number): Promise<Cauri> {
  const env = {
    CAURI_HOME: emptyHome(),
    DATABASE_URL: url,
    SCHEME_ADAPTER_URL: 'http://127.0.0.1:9',
    PORT: '0',
    BACKEND_PORT: String(port),
    LOG_LEVEL: 'warn',
  }
  const process = spawnNode(MAIN, { args: ['--role', 'api'], env })
  await process.waitForLine(/^ready http/, 15_000)
  return { process, adapter: adapterAt(port) }
}

const count = async (state: string): Promise<number> =>
  Number(
    (await db.one<{ n: bigint }>(sql`select count(*) as n from payments_incoming where state = ${state}`)).n,
  )

test('killed (-9) with transfers before and after their commit, and asked again, each is credited once', async () => {
  const { random } = seeded('incoming-crash')
  const port = await freePort()
  const first = await start(port)
  expect((await first.adapter.transfer(randomUUID())).status).toBe(200)

  const ids = Array.from({ length: 41 }, () => randomUUID())
  const kill_at = 3 + Math.floor(random() * 25)
  const storm = ids.slice(1).map((id) => first.adapter.transfer(id).catch(() => undefined))
  await until(`${kill_at} are committed`, async () => (await count('COMMITTED')) >= kill_at)
  // From here on a transfer has written its row and waits, uncommitted, for the rail's float.
  const held = await holdLock(url, sql`select from ledger_accounts where code = 'float:mojaloop' for update`)
  const unanswered = first.adapter.transfer(ids[0] ?? '').catch((error: unknown) => String(error))
  await held.awaited()
  first.process.kill('SIGKILL')
  await first.process.exited
  const answers = await Promise.all(storm)
  expect(await unanswered).toMatch(/fetch failed/)
  await held.release()
  const lost = await db.maybeOne(sql`select state from payments_incoming where transfer_id = ${ids[0]}`)
  expect(lost).toBeUndefined()

  const second = await start(port)
  const again = await Promise.all(ids.map((id) => second.adapter.transfer(id)))
  for (const [i, answer] of again.entries()) {
    expect(answer).toMatchObject({ status: 200, body: { transferState: 'COMMITTED' } })
    // Who was answered before the crash gets that answer again.
    const before = i === 0 ? undefined : answers[i - 1]
    if (before?.status === 200) expect(answer.body).toEqual(before.body)
  }
  expect(await receivedBy(db, 'ACC-CRASH')).toBe(BigInt(ids.length + 1) * 10_000n)
  expect(await mismatches(db)).toEqual([])
  second.process.kill('SIGTERM')
  expect(await second.process.exited).toMatchObject({ code: 0 })
})
