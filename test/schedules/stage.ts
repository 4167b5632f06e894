import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'
import { balancesOf, systemAccount } from '../../src/ledger/index.ts'
import { referenceOf } from '../../src/payments/engine/reference.ts'
import { ensureConnection, type ConnectionSettings } from '../../src/payments/index.ts'
import { sql, type Db } from '../../src/platform/db.ts'
import type { SettingsPatch } from '../../src/simulators/index.ts'
import { freshDatabase } from '../harness/database.ts'
import { newBatch, openPayer, openWorld, quick, type Payer, type World } from '../harness/payments.ts'
import { spawnNode, type NodeProcess } from '../harness/process.ts'
import { until } from '../harness/wait.ts'
import { breachesOf, differencesFrom } from '../invariants/payments.ts'
import type { Wire } from './wire.ts'

const WORKER = fileURLToPath(new URL('../harness/programs/drive.ts', import.meta.url))

/** A database, a payer and an outside world of one test's own. */
export type Place = {
  readonly db: Db
  readonly url: string
  readonly payer: Payer
  readonly world: World
  /** A worker in a process of its own, which reaches the adapter on that port. */
  readonly worker: (name: string, port: number, settings?: Partial<ConnectionSettings>) => NodeProcess
}

export async function openPlace(settings: NonNullable<SettingsPatch['mojaloop']> = {}): Promise<Place> {
  const { db, url } = await freshDatabase()
  const payer = await openPayer(db, 'ACC-SCHEDULES', 100_000_000n)
  await ensureConnection(db, 'mojaloop', 'mojaloop')
  const world = await openWorld({ mojaloop: { timeout_s: 1, ...settings } })
  onTestFinished(() => world.close())
  const worker: Place['worker'] = (name, port, more = {}) =>
    spawnNode(WORKER, { args: [url, String(port), name, JSON.stringify({ ...quick, ...more })] })
  return { db, url, payer, world, worker }
}

export const payees = (n: number, from: number): string[] =>
  Array.from({ length: n }, (_, i) => `22890${from + i}`)

export const isDone = (db: Db, batch: bigint): Promise<boolean> =>
  until(
    `every line of batch ${batch} is final or in review`,
    async () => {
      const { open } = await db.one<{ open: bigint }>(sql`
        select count(*) as open from payments_lines
        where batch_id = ${batch} and state in ('NEW', 'RETRY', 'UNCERTAIN')`)
      return open === 0n
    },
    90_000,
  )

/** The references that the rail paid for a batch are those of its lines' first attempts: no other one was ever made. */
export async function expectFirstAttempts({ db, world }: Place, batch: bigint, n: number): Promise<void> {
  const { secret } = await db.one<{ secret: Buffer }>(
    sql`select secret from payments_batches where id = ${batch}`,
  )
  const ours = new Set(Array.from({ length: n }, (_, i) => referenceOf(secret, i + 1, 1)))
  const paid = (await world.paid()).filter((payment) => ours.has(payment.reference))
  expect(paid).toHaveLength(n)
  expect(new Set(paid.map((payment) => payment.reference)).size).toBe(n)
}

/** What holds after everything: the books add up, and the outside world's log says what we say. */
export async function expectAllWell({ db, world }: Pick<Place, 'db' | 'world'>): Promise<void> {
  expect(await differencesFrom(db, await world.paid())).toEqual([])
  expect(await breachesOf(db)).toEqual([])
}

/** What left through the rail's float, by the ledger. */
export async function floatOf(db: Db): Promise<bigint> {
  const id = await db.tx((tx) => systemAccount(tx, 'float:mojaloop', 'XOF'))
  return (await balancesOf(db, [id])).get(id) ?? 0n
}

/** A rail so far away that a busy machine is not taken for a queue, so that the window opens wide. */
export const FAR = { latency_ms: { transfer: 1_500 }, timeout_s: 10 }

/**
 * Pays easy lists until the worker has so many calls on their way at once as its window allows at most. Answers how
 * many lines that took.
 */
export async function openWide(place: Place, wire: Wire, window: number, from: number): Promise<number> {
  const { db, payer, world } = place
  let lines = 0
  while (wire.most() < window) {
    if (lines > 6_000) throw new Error(`after ${lines} lines the window is ${wire.most()} of ${window}`)
    await isDone(db, await newBatch(db, payer, payees(1_200, from + lines)))
    lines += 1_200
  }
  await world.control('PUT', '/_sim/settings', { mojaloop: { latency_ms: { transfer: 0 } } })
  return lines
}
