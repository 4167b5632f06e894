import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openMojaloop, type Answer, type Order, type PayoutRail } from '../../src/connectors/index.ts'
import { ensureOrganization } from '../../src/identity/index.ts'
import {
  createAccount,
  ensureConnection,
  findAccount,
  lockPayer,
  nextBatchId,
  openDriver,
  reserve,
  writeLines,
  type ConnectionSettings,
  type Driver,
  type NewLine,
  type PurposeHandler,
} from '../../src/payments/index.ts'
import { sql, type Db } from '../../src/platform/db.ts'
import { openOutbound } from '../../src/platform/outbound.ts'
import { openLog, type Log } from '../../src/platform/log.ts'
import { startSimulators, type SettingsPatch, type Simulators } from '../../src/simulators/index.ts'

/** Every delay is a fraction of a second: they are data of the connection. */
export const quick: ConnectionSettings = {
  id: 'mojaloop',
  lease_ms: 900,
  timeout_ms: 4_000,
  expiry_ms: 200,
  not_found_after_ms: 300,
  query_delays_ms: [100, 200, 400],
  retry_delays_ms: [100, 100],
  review_after_ms: 4_000,
  window_max: 64,
  rate_per_s: 0,
  breaker_ms: 200,
  stop_ms: 400,
  poll_ms: 50,
}

export type Paid = {
  rail: string
  operation: string
  reference: string
  party: string
  amount: number
  currency: string
}

export type World = {
  readonly simulators: Simulators
  readonly sdk_port: number
  readonly control: (method: string, path: string, body?: object) => Promise<Record<string, unknown>>
  /** Everything that the outside world says was paid out. */
  readonly paid: () => Promise<Paid[]>
  readonly close: () => Promise<void>
}

export async function openWorld(settings: SettingsPatch = {}): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'cauri-sim-'))
  const simulators = await startSimulators({ sdk_port: 0, hub_port: 0, simulator_port: 0, folder, settings })
  const base = `http://127.0.0.1:${simulators.ports.simulator}`
  const control = async (method: string, path: string, body?: object): Promise<Record<string, unknown>> => {
    const init =
      body === undefined
        ? { method }
        : { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
    const answer = await fetch(`${base}${path}`, init)
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return (await answer.json().catch(() => ({}))) as Record<string, unknown>
  }
  return {
    simulators,
    sdk_port: simulators.ports.sdk,
    control,
    paid: () => allPaid(base),
    close: async () => {
      await simulators.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Reads the simulators' log to its end. */
export async function allPaid(base: string): Promise<Paid[]> {
  const all: Paid[] = []
  let next: unknown = 0
  for (;;) {
    const answer = await fetch(`${base}/_sim/paid?rail=mojaloop&since=${String(next)}`)
    const page = (await answer.json()) as { payments: Paid[]; next: unknown }
    all.push(...page.payments)
    if (page.next === null || page.payments.length === 0)
      return all.filter((payment) => payment.operation === 'payout')
    next = page.next
  }
}

export type Payer = { readonly organization_id: bigint; readonly account_id: string }

export async function openPayer(db: Db, account_id: string, opening_balance: bigint): Promise<Payer> {
  return db.tx(async (tx) => {
    const { id: organization_id } = await ensureOrganization(tx, 'Caisse de test')
    await createAccount(tx, 'test', {
      organization_id,
      account_id,
      party_id_type: 'MSISDN',
      party_identifier: '123456789',
      currency: 'XOF',
      opening_balance,
    })
    return { organization_id, account_id }
  })
}

/** A batch of these payees (amount 100 each unless given), reserved. */
export async function newBatch(
  db: Db,
  payer: Payer,
  payees: readonly (string | { readonly to: string; readonly amount: bigint })[],
  fee_cap = 0n,
): Promise<bigint> {
  return db.tx(
    async (tx) => {
      const account = await findAccount(tx, payer.organization_id, payer.account_id)
      const id = await nextBatchId(tx)
      const lines: NewLine[] = payees.map((payee, i) => ({
        seq: i + 1,
        transfer_id: `t-${id}-${i + 1}`,
        amount: typeof payee === 'string' ? 100n : payee.amount,
        party_type: 'MSISDN',
        party_identifier: typeof payee === 'string' ? payee : payee.to,
        payee_name: '',
        extra: '',
      }))
      await writeLines(
        tx,
        id,
        account,
        (async function* () {
          yield lines
        })(),
      )
      await lockPayer(tx, account)
      await reserve(tx, account, account.available, {
        batch_id: id,
        connection_id: 'mojaloop',
        purpose: 'BULK_LINE',
        fee_cap,
        total: lines.length,
        total_amount: lines.reduce((sum, line) => sum + line.amount, 0n),
      })
      return id
    },
    { timeout_ms: 60_000 },
  )
}

export const noNews: Readonly<Record<string, PurposeHandler>> = { BULK_LINE: () => Promise.resolve() }

export type TestDriverOptions = {
  readonly settings?: Partial<ConnectionSettings>
  readonly mode?: 'auto' | 'two-phase' | 'stepwise'
  readonly worker?: string
  readonly log?: Log
}

/** A driver that pays through the simulators' scheme adapter. */
export async function openTestDriver(
  db: Db,
  world: Pick<World, 'sdk_port'>,
  options: TestDriverOptions = {},
): Promise<Driver> {
  const settings = { ...quick, ...options.settings }
  const log = options.log ?? openLog(process.env['TEST_LOG'] ?? 'silent')
  await ensureConnection(db, 'mojaloop', 'mojaloop')
  const outbound = openOutbound({ production: false, allow_loopback: true })
  const rail = openMojaloop({
    url: `http://127.0.0.1:${world.sdk_port}`,
    timeout_ms: settings.timeout_ms,
    mode: options.mode ?? 'auto',
    expiry_s: settings.expiry_ms / 1_000,
    connections: settings.window_max,
    outbound,
    log,
  })
  const driver = openDriver({
    db,
    log,
    connection: { settings, rail },
    handlers: noNews,
    worker: options.worker ?? 'test',
  })
  driver.start()
  return {
    ...driver,
    stop: async (ms) => {
      await driver.stop(ms)
      await rail.close()
      await outbound.close()
    },
  }
}

/** A rail of the outside world that answers as the test says: for meetings of events that no simulator can time. */
export const scriptedRail = (
  script: Partial<Pick<PayoutRail, 'probe' | 'pay' | 'confirm' | 'find'>>,
): PayoutRail => ({
  name: 'scripted',
  probe: () => Promise.resolve({ deduplicates: true, makes_reference: false, mode: 'one-call' }),
  pay: (order) => Promise.resolve(paidAnswer(order)),
  confirm: (order) => Promise.resolve(paidAnswer(order)),
  find: () => Promise.resolve({ kind: 'not-found', said: {} }),
  close: () => Promise.resolve(),
  ...script,
})

export const paidAnswer = (order: Order): Answer => ({
  kind: 'paid',
  amount: order.amount,
  fee: 0n,
  currency: order.currency,
  payee: order.payee,
  reference: order.reference,
  said: {},
})

/** A driver on such a rail. It is not started. */
export async function openScriptedDriver(
  db: Db,
  rail: PayoutRail,
  options: Omit<TestDriverOptions, 'mode'> = {},
): Promise<Driver> {
  await ensureConnection(db, 'mojaloop', 'mojaloop')
  return openDriver({
    db,
    log: options.log ?? openLog(process.env['TEST_LOG'] ?? 'silent'),
    connection: { settings: { ...quick, ...options.settings }, rail },
    handlers: noNews,
    worker: options.worker ?? 'test',
  })
}

export type Counters = {
  state: string
  total: number
  completed: number
  failed: number
  cancelled: number
  uncertain: number
  pending: number
}

export const countersOf = (db: Db, batch: bigint): Promise<Counters> =>
  db.one(sql`
    select state, total, completed, failed, cancelled, uncertain, pending from payments_public_batches where id = ${batch}`)
