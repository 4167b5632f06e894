import { afterEach, beforeEach, expect, test } from 'vitest'
import { balancesOf, systemAccount } from '../../src/ledger/index.ts'
import { referenceOf } from '../../src/payments/engine/reference.ts'
import { findAccount, type Driver } from '../../src/payments/index.ts'
import { sql, type Db } from '../../src/platform/db.ts'
import type { SettingsPatch } from '../../src/simulators/index.ts'
import { freshDatabase } from '../harness/database.ts'
import {
  countersOf,
  newBatch,
  openPayer,
  openTestDriver,
  openWorld,
  type Payer,
  type TestDriverOptions,
  type World,
} from '../harness/payments.ts'
import { until } from '../harness/wait.ts'
import { breachesOf, differencesFrom, statesOf } from '../invariants/payments.ts'

const OPENING = 1_000_000n
let db: Db
let payer: Payer
let world: World
let driver: Driver
async function open(simulators: SettingsPatch['mojaloop'], options: TestDriverOptions = {}): Promise<void> {
  world = await openWorld({ mojaloop: { timeout_s: 0.3, ...simulators } })
  driver = await openTestDriver(db, world, options)
}
beforeEach(async () => {
  db = (await freshDatabase()).db
  payer = await openPayer(db, 'ACC-ANSWERS', OPENING)
})
afterEach(async () => {
  await driver.stop(2_000)
  await world.close()
})

/** A number that the simulators answer as the table of the contract says. */
const magic = (code: string): string => `22890000${code}`
const plain = (i: number): string => `22890${510_000 + i}`

const isFinal = (batch: bigint): Promise<boolean> =>
  until(
    `nothing of batch ${batch} is pending`,
    async () => {
      const { pending, uncertain } = await countersOf(db, batch)
      const { REVIEW = 0 } = await statesOf(db, batch)
      return pending === 0 && uncertain === REVIEW
    },
    15_000,
  )

const lineOf = (
  batch: bigint,
  seq: number,
): Promise<{ state: string; error_code: string | null; attempt: number; fee: bigint }> =>
  db.one(sql`
    select state, error_code, attempt, fee from payments_lines where batch_id = ${batch} and seq = ${seq}`)

const money = async (): Promise<{ available: bigint; reserved: bigint; float: bigint; fees: bigint }> => {
  const { available, reserved } = await findAccount(db, payer.organization_id, payer.account_id)
  const [float, fees] = await db.tx(async (tx) => [
    await systemAccount(tx, 'float:mojaloop', 'XOF'),
    await systemAccount(tx, 'fees:provider', 'XOF'),
  ])
  const balances = await balancesOf(db, [float ?? 0n, fees ?? 0n])
  return {
    available,
    reserved,
    float: balances.get(float ?? 0n) ?? 0n,
    fees: balances.get(fees ?? 0n) ?? 0n,
  }
}

/** Every code of the contract's table, and how such a line ends in one call. */
const table: readonly (readonly [code: string, end: string, error: string | null, attempts: number])[] = [
  ['000', 'FAILED', 'PAYEE_NOT_FOUND', 1],
  ['001', 'FAILED', 'PAYEE_LIMIT', 1],
  ['002', 'FAILED', 'PAYEE_REJECTED', 1],
  ['003', 'FAILED', 'PAYEE_REJECTED', 1],
  ['004', 'FAILED', 'PAYEE_UNAVAILABLE', 3],
  ['005', 'FAILED', 'PAYEE_UNAVAILABLE', 3],
  ['006', 'PAID', null, 1],
  ['007', 'PAID', null, 1],
  ['008', 'REVIEW', 'REVIEW', 1],
  ['009', 'FAILED', 'RAIL_ERROR', 1],
  ['010', 'PAID', null, 1],
  ['011', 'PAID', null, 1],
  ['019', 'FAILED', 'PAYEE_LIMIT', 1],
  ['029', 'FAILED', 'RAIL_ERROR', 1],
  ['039', 'FAILED', 'PAYEE_REJECTED', 1],
  ['049', 'FAILED', 'PAYEE_UNAVAILABLE', 3],
  ['069', 'FAILED', 'PAYEE_REJECTED', 1],
  ['089', 'FAILED', 'PAYEE_NOT_FOUND', 1],
  ['119', 'FAILED', 'PAYEE_REJECTED', 1],
  ['129', 'REVIEW', 'REVIEW', 1],
  ['202', 'PAID', null, 1],
  ['301', 'PAID', null, 1],
  ['408', 'PAID', null, 1],
  ['409', 'PAID', null, 1],
  ['503', 'PAID', null, 1],
  ['777', 'PAID', null, 1],
]

test('every number of the contract’s table ends as it must, and the money with it', async () => {
  await open({}, { settings: { review_after_ms: 3_000 } })
  const batch = await newBatch(db, payer, [...table.map(([code]) => magic(code)), plain(1)])
  const unsettled = async (): Promise<boolean> => (await countersOf(db, batch)).uncertain >= 4
  await until('what comes late is uncertain', unsettled)
  await world.control('POST', '/_sim/clock', { advance_s: 40 })
  await isFinal(batch)
  for (const [i, [code, state, error_code, attempt]] of table.entries())
    expect({ code, ...(await lineOf(batch, i + 1)) }).toMatchObject({ code, state, error_code, attempt })
  const paid = table.filter(([, end]) => end === 'PAID').length + 1
  const failed = table.filter(([, end]) => end === 'FAILED').length
  expect(await countersOf(db, batch)).toMatchObject({
    completed: paid,
    failed,
    uncertain: 2,
    state: 'PROCESSING',
  })
  // The fee of 50 had no allowance: it left through `fees:provider`, and somebody is asked who bears it.
  expect(await money()).toEqual({
    available: OPENING - BigInt(paid + 2) * 100n,
    reserved: 200n,
    float: BigInt(paid) * 100n + 50n,
    fees: -50n,
  })
  const differences = await differencesFrom(db, await world.paid())
  expect(differences).toEqual([])
  expect(await breachesOf(db)).toEqual([])
})

test('a refusal that may pass gets new attempts under new references, then it is the end', async () => {
  await open({})
  await world.control('POST', '/_sim/faults', { kind: '049', suffix: plain(2), times: 2 })
  const batch = await newBatch(db, payer, [magic('049'), plain(2), plain(3)])
  await isFinal(batch)
  expect(await lineOf(batch, 1)).toMatchObject({ state: 'FAILED', attempt: 3 })
  expect(await lineOf(batch, 2)).toMatchObject({ state: 'PAID', attempt: 3 })
  expect(await lineOf(batch, 3)).toMatchObject({ state: 'PAID', attempt: 1 })
  const { secret } = await db.one<{ secret: Buffer }>(
    sql`select secret from payments_batches where id = ${batch}`,
  )
  const references = (await world.paid()).map((payment) => payment.reference).toSorted()
  expect(references).toEqual([referenceOf(secret, 2, 3), referenceOf(secret, 3, 1)].toSorted())
  expect(await differencesFrom(db, await world.paid())).toEqual([])
  expect(await breachesOf(db)).toEqual([])
})

test.each([
  ['one phase, our own ids', { phases: 1, strict: false }, 'auto', 'one-call'],
  ['two phases, our own ids', { phases: 2, strict: false }, 'auto', 'one-call'],
  ['a strict adapter, step by step', { phases: 1, strict: true }, 'auto', 'stepwise'],
  ['a strict adapter in two phases, as configured', { phases: 2, strict: true }, 'two-phase', 'two-phase'],
] as const)(
  '%s: paid once each, refused as refused, lost answers found',
  async (_name, adapter, mode, used) => {
    await open(adapter, { mode, settings: { review_after_ms: 2_000 } })
    const refused = ['000', '001', '002', '003'].map(magic)
    const lost = ['006', '408'].map(magic)
    const batch = await newBatch(db, payer, [
      ...Array.from({ length: 30 }, (_, i) => plain(i)),
      ...refused,
      ...lost,
    ])
    await isFinal(batch)
    expect(await db.one(sql`select mode from payments_connections where id = 'mojaloop'`)).toEqual({
      mode: used,
    })
    expect(await statesOf(db, batch)).toEqual({ PAID: 32, FAILED: 4 })
    expect(await differencesFrom(db, await world.paid())).toEqual([])
    expect(await breachesOf(db)).toEqual([])
  },
)

test.each([
  ['one phase', 'PAID', { phases: 1, strict: false }, 'auto'],
  ['two phases with our ids', 'FAILED', { phases: 2, strict: false }, 'auto'],
  ['three steps', 'FAILED', { phases: 1, strict: true }, 'auto'],
  ['two phases with the rail’s ids', 'FAILED', { phases: 2, strict: true }, 'two-phase'],
] as const)(
  'a fee: within its allowance it is paid from it; above, in %s the line is %s',
  async (_name, above, adapter, mode) => {
    await open(adapter, { mode })
    const within = await newBatch(db, payer, [magic('010'), plain(4)], 60n)
    await isFinal(within)
    expect(await lineOf(within, 1)).toMatchObject({ state: 'PAID', fee: 50n })
    expect(await money()).toEqual({ available: OPENING - 250n, reserved: 0n, float: 250n, fees: 0n })
    const beyond = await newBatch(db, payer, [`22891000010`], 20n)
    await isFinal(beyond)
    expect((await lineOf(beyond, 1)).state).toBe(above)
    const questions = await db.many(sql`select batch_id, amount from payments_fee_questions`)
    if (above === 'PAID') {
      expect(questions).toEqual([{ batch_id: beyond, amount: 30n }])
      expect(await money()).toEqual({ available: OPENING - 370n, reserved: 0n, float: 400n, fees: -30n })
    } else {
      expect((await lineOf(beyond, 1)).error_code).toBe('FEE_ABOVE_CAP')
      expect(questions).toEqual([])
      expect(await money()).toEqual({ available: OPENING - 250n, reserved: 0n, float: 250n, fees: 0n })
    }
    expect(await differencesFrom(db, await world.paid())).toEqual([])
    expect(await breachesOf(db)).toEqual([])
  },
)

test('paid more than was ordered, or known by the rail for another amount: people look, the hold stays', async () => {
  await open({})
  await world.control('POST', '/_sim/faults', { kind: 'amount_mismatch', suffix: plain(5) })
  const batch = await newBatch(db, payer, [plain(5)])
  await isFinal(batch)
  expect(await lineOf(batch, 1)).toMatchObject({ state: 'REVIEW', error_code: 'REVIEW' })
  expect(await money()).toMatchObject({ available: OPENING - 100n, reserved: 100n })
  expect(await breachesOf(db)).toEqual([])
})
