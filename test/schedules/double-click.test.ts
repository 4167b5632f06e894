import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DEMO_ORGANIZATION, MOJALOOP } from '../../src/app.ts'
import { createBulk, type Created } from '../../src/bulk/create.ts'
import { findOrganizationByName } from '../../src/identity/index.ts'
import { findAccount, lockPayer } from '../../src/payments/index.ts'
import { sql } from '../../src/platform/db.ts'
import { beginIdempotent, type Completion } from '../../src/platform/http/idempotency.ts'
import { sha256 } from '../../src/platform/ids.ts'
import { emptyHome } from '../harness/home.ts'
import { numberAt } from '../harness/multipart.ts'
import { openServer, PAYER, type TestServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { breachesOf, differencesFrom } from '../invariants/payments.ts'

let server: TestServer
beforeAll(async () => {
  server = await openServer()
})
afterAll(() => server.stop())

const LINES = 200
const list = [
  'type_id,valeur_id,devise,montant',
  ...Array.from({ length: LINES }, (_, i) => `MSISDN,${numberAt(60_000 + i)},XOF,${100 + i}`),
].join('\n')

test('the double click on a list without ids: of the two that arrive together one is paid, and the other is told which', async () => {
  const both = await Promise.all([server.upload(list), server.upload(list)])
  const taken = both.find((answer) => answer.status === 201)
  const refused = both.find((answer) => answer.status !== 201)
  expect(refused?.status).toBe(409)
  expect(refused?.body).toMatchObject({ code: 'SAME_LIST', bulkTransferId: taken?.body.bulkTransferId })
  const id = String(taken?.body.bulkTransferId)
  await until('it is paid', async () => {
    const status = await server.call('GET', `/api/bulk-transfers/${id}/status`)
    return status.body.state === 'COMPLETED'
  })
  // The third click, after the page was loaded again.
  expect((await server.upload(list)).body).toMatchObject({ code: 'SAME_LIST', bulkTransferId: id })
  const paid = await server.world.paid()
  expect(paid).toHaveLength(LINES)
  expect(await differencesFrom(server.db, paid)).toEqual([])
  expect(await breachesOf(server.db)).toEqual([])
})

/** What an upload does once its file is here, without the gate that lets few imports in at once: two processes have two. */
async function sender(maker: string, csv: string): Promise<(completion: Completion) => Promise<Created>> {
  const { db } = server
  const organization = await findOrganizationByName(db, DEMO_ORGANIZATION)
  const path = join(emptyHome(), 'list.csv')
  writeFileSync(path, csv)
  return (completion) =>
    createBulk(
      {
        db,
        limits: { max_rows: 1_000, max_bytes: 1_000_000 },
        connection: { id: MOJALOOP, fee_cap: 0n },
        same_list_days: 20,
        same_list_warning_days: 90,
        language: 'en',
      },
      { organization_id: organization?.id ?? 0n, name: maker },
      {
        path,
        sha256: sha256(csv),
        file_name: 'list.csv',
        payer_account: PAYER,
        callback: undefined,
        allow_duplicate: false,
      },
      completion,
    )
}

/** Holds the payer until so many wait for it: what they looked at before, they looked at too early. */
async function holdPayer(waiting: number, held: () => void): Promise<void> {
  const organization = await findOrganizationByName(server.db, DEMO_ORGANIZATION)
  const account = await findAccount(server.db, organization?.id ?? 0n, PAYER)
  await server.db.tx(async (tx) => {
    await lockPayer(tx, account)
    held()
    await until('the others wait for the payer', async () => {
      const { n } = await server.db.one<{ n: bigint }>(sql`
        select count(distinct l.pid) as n from pg_locks l join pg_stat_activity a on a.pid = l.pid
        where not l.granted and a.datname = current_database()`)
      return n >= BigInt(waiting)
    })
  })
}

test('two imports of one list that both wait for their payer: the one that comes second is told of the first', async () => {
  const send = await sender('both', list.replaceAll('XOF,', 'XOF,9'))
  const keys = await Promise.all(
    ['one', 'other'].map((key) =>
      beginIdempotent(server.db, { scope: 'both', key, fingerprint: sha256(key), lease_s: 30 }),
    ),
  )
  const held = Promise.withResolvers<void>()
  const holding = holdPayer(2, held.resolve)
  await held.promise
  const sent = keys.map(async (key) => {
    if (key.kind === 'replay') throw new Error('the keys are new')
    return send(key)
  })
  const [, ...both] = await Promise.allSettled([holding, ...sent])
  const reasons: unknown[] = both.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
  expect(reasons).toMatchObject([{ code: 'SAME_LIST' }])
  expect(await server.db.many(sql`select from bulk_batches where created_by = 'both'`)).toHaveLength(1)
  expect(await breachesOf(server.db)).toEqual([])
})

test('the double click with one key, the first so slow that its key was taken over: its upload is undone, and the other’s counts', async () => {
  const { db } = server
  const call = { scope: 'double click', key: 'one key', fingerprint: sha256('a list'), lease_s: 1 }
  const send = await sender('test', list.replaceAll('XOF,', 'XOF,7'))
  const first = await beginIdempotent(db, call)
  await db.run(sql`update platform_idempotency set lease_until = clock_timestamp() where key = 'one key'`)
  const second = await beginIdempotent(db, call)
  if (first.kind === 'replay' || second.kind === 'replay') throw new Error('nothing was done yet')
  await expect(send(first)).rejects.toMatchObject({ code: 'IDEMPOTENCY_IN_PROGRESS' })
  const { bulk_id } = await send(second)
  expect(await beginIdempotent(db, call)).toMatchObject({
    kind: 'replay',
    answer: { status: 201, body: { bulkTransferId: bulk_id } },
  })
  expect(await db.many(sql`select bulk_id from bulk_batches where created_by = 'test'`)).toEqual([
    { bulk_id },
  ])
  expect(await breachesOf(db)).toEqual([])
})
