import { hostname } from 'node:os'
import { randomBytes } from 'node:crypto'
import { openSealer, openSigningKey, record } from './audit/index.ts'
import { sweepSpool } from './bulk/index.ts'
import { openMojaloop } from './connectors/index.ts'
import { beginReset, cleanThrottles, cleanTickets, type Identifier } from './identity/index.ts'
import {
  expireProofs,
  keepDocuments,
  pursueCheck,
  sweepChecks,
  type KycNews,
  type PursueDeps,
} from './kyc/index.ts'
import { runCheck } from './integrity/index.ts'
import {
  countWaiting,
  forgetPerson,
  sendMessage,
  sweepNotifications,
  type Sending,
} from './notifications/index.ts'
import { openDriver, type ConnectionSettings, type Driver } from './payments/index.ts'
import type { Config } from './platform/config.ts'
import type { Ctx } from './platform/context.ts'
import { Refusal } from './platform/errors.ts'
import { cleanIdempotency } from './platform/http/idempotency.ts'
import { openJobs, type Jobs, type QueueRules } from './platform/jobs.ts'
import { openOutbound, type Outbound } from './platform/outbound.ts'
import * as outbox from './platform/outbox.ts'
import { sweepSealedSpool } from './platform/sealed-spool.ts'
import { deliver, newDelivery, type Delivery } from './webhooks/index.ts'
import { filesOf, openIdentityCheck, openMail, openSms } from './providers.ts'
import { askApprovers, remindReviewers, tellKycNews, tellMaker } from './news.ts'
import {
  identityOf,
  kycOf,
  MOJALOOP,
  pursuingOf,
  purposeHandlers,
  spoolFolder,
  type AppOptions,
  type OutboxKind,
} from './wiring.ts'

const queues = {
  'webhook.deliver': { retries: 12, retry_delay_s: 5, expire_s: 60 },
  // Twelve tries in some three hours; a code is given up as soon as it has expired.
  'notification.send': { retries: 12, retry_delay_s: 2, expire_s: 120 },
  // The row says when to look; a job that fails is found by the sweep.
  'kyc.check': { retries: 0, expire_s: 300 },
  'ledger.check': { retries: 0, expire_s: 3_600 },
  housekeeping: { retries: 2, expire_s: 600 },
  'reviews.remind': { retries: 2, expire_s: 600 },
} as const satisfies Record<string, QueueRules>
type Queue = keyof typeof queues

/** Starts the worker's parts; each is registered to be closed, in the reverse order, as soon as it runs. */
export async function openWorker(
  ctx: Ctx,
  options: AppOptions,
  atStop: (close: () => Promise<unknown>) => void,
): Promise<Driver | undefined> {
  const { config, log, db } = ctx
  const outbound = openOutbound({
    production: config.CAURI_MODE === 'production',
    allow_loopback: config.CAURI_MODE === 'sandbox',
  })
  atStop(() => outbound.close())
  const jobs = await openJobs<Queue>(options.url, queues, log)
  atStop(() => jobs.stop(1_000))
  const delivering = { db, log, outbound, secret_key: options.secret_key }
  await jobs.work<Delivery>('webhook.deliver', (job) => deliver(delivering, job.data), { concurrency: 4 })
  const sending = await openSending(ctx, options, outbound)
  await jobs.work<Sending>('notification.send', (job) => sendMessage(sending, job.data), {
    concurrency: 4,
    batch: 1, // else the time limit of a job would count those before it
    poll_s: 2, // a wake-up that came while all were busy is lost, and somebody waits for his code
  })
  const pursuing = openPursuing(ctx, options, outbound, atStop)
  await workOnChecks(jobs, pursuing)
  await workByTheClock(jobs, ctx, pursuing)
  const identity = identityOf(options)
  const handlers: outbox.OutboxHandlers<OutboxKind> = {
    'bulk.approval_asked': askApprovers,
    'bulk.maker_told': tellMaker,
    'bulk.finished': (tx, row) => announceFinished(tx, row, jobs),
    'identity.reset_asked': (tx, row) => beginReset(tx, identity, row.payload as Identifier),
    'kyc.news': (tx, row) => tellKycNews(tx, row.payload as KycNews),
    'kyc.erased': (tx, row) => forgetPerson(tx, BigInt((row.payload as { person_id: string }).person_id)),
    'kyc.check': async (tx, row) => {
      await jobs.send(tx, 'kyc.check', row.payload as CheckDue)
    },
    notification: async (tx, row) => {
      await jobs.send(tx, 'notification.send', row.payload as Sending)
    },
  }
  const drain = (): Promise<unknown> => outbox.drainOutbox(db, handlers, { log })
  const runner = outbox.runOutbox(drain, log, options.outbox_every_ms)
  atStop(() => runner.close())
  const sealer = openSealer({
    db,
    log,
    key: openSigningKey(config),
    former_keys: config.AUDIT_FORMER_KEYS ?? [],
  })
  atStop(() => sealer.close())
  const looking = outbox.runOutbox(() => lookAfterProofs(pursuing), log, config.KYC_SWEEP_S * 1_000)
  atStop(() => looking.close())
  if (options.adapter_url === undefined) return undefined

  const mojaloop = openMojaloopDriver(ctx, outbound, options.adapter_url)
  atStop(() => mojaloop.close())
  atStop(() => mojaloop.driver.stop(7_000))
  mojaloop.driver.start()
  return mojaloop.driver
}

async function workByTheClock(jobs: Jobs<Queue>, ctx: Ctx, pursuing: PursueDeps): Promise<void> {
  await jobs.work('ledger.check', () => checkHourly(ctx))
  await jobs.work('housekeeping', () => keepHouse(ctx, pursuing))
  await jobs.work('reviews.remind', () => remindReviewers(ctx.db))
  await jobs.schedule('ledger.check', '17 * * * *')
  await jobs.schedule('housekeeping', '41 3 * * *')
  await jobs.schedule('reviews.remind', '23 6 * * *')
}

type CheckDue = { readonly check_id: string }

function openPursuing(
  ctx: Ctx,
  options: AppOptions,
  outbound: Outbound,
  atStop: (close: () => Promise<unknown>) => void,
): PursueDeps {
  const files = filesOf(ctx.config)
  atStop(async () => files.close())
  const provider = openIdentityCheck(options, outbound)
  return pursuingOf(ctx, { kyc: kycOf(options, { files, has_provider: provider !== undefined }), provider })
}

/** A second one looks while the first one hands over images. */
const workOnChecks = (jobs: Jobs<Queue>, pursuing: PursueDeps): Promise<void> =>
  jobs.work<CheckDue>('kyc.check', (job) => pursueCheck(pursuing, job.data.check_id), {
    batch: 1,
    concurrency: 2,
  })

/** What is due is looked at, and what is over ends: nothing of it depends on a job. */
async function lookAfterProofs(pursuing: PursueDeps): Promise<void> {
  await sweepChecks(pursuing)
  await expireProofs(pursuing.db)
}

/** A missing provider is worth a word only when somebody waits for a message. */
async function openSending(
  { db, log }: Ctx,
  options: AppOptions,
  outbound: Outbound,
): Promise<Parameters<typeof sendMessage>[0]> {
  const [sms, mail] = [openSms(options, outbound), openMail(options)]
  for (const [channel, is_there] of [
    ['sms', sms !== undefined],
    ['mail', mail !== undefined],
  ] as const) {
    const waiting = is_there ? 0 : await countWaiting(db, channel)
    if (waiting > 0) log.warn({ channel, waiting }, 'messages wait, and nobody is configured to send them')
  }
  return { db, log, sms, mail }
}

function openMojaloopDriver(
  ctx: Ctx,
  outbound: Outbound,
  url: string,
): { readonly driver: Driver; readonly close: () => Promise<void> } {
  const { config, log, db } = ctx
  const rail = openMojaloop({
    url,
    timeout_ms: config.MOJALOOP_TIMEOUT_S * 1_000,
    mode: config.MOJALOOP_MODE,
    expiry_s: config.MOJALOOP_EXPIRY_S,
    connections: config.MOJALOOP_WINDOW,
    outbound,
    log,
  })
  const worker = `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`
  const connection = { settings: mojaloopSettings(config), rail }
  return { driver: openDriver({ db, log, connection, handlers: purposeHandlers, worker }), close: rail.close }
}

const ms = (seconds: number): number => seconds * 1_000

/** The durations and limits of the Mojaloop connection, from the configuration. */
export const mojaloopSettings = (config: Config): ConnectionSettings => ({
  id: MOJALOOP,
  lease_ms: ms(config.LEASE_S),
  timeout_ms: ms(config.MOJALOOP_TIMEOUT_S),
  expiry_ms: ms(config.MOJALOOP_EXPIRY_S),
  not_found_after_ms: ms(config.MOJALOOP_NOT_FOUND_AFTER_S),
  query_delays_ms: config.MOJALOOP_QUERY_DELAYS_S.map(ms),
  retry_delays_ms: config.MOJALOOP_RETRY_DELAYS_S.map(ms),
  review_after_ms: ms(config.MOJALOOP_REVIEW_AFTER_S),
  window_max: config.MOJALOOP_WINDOW,
  rate_per_s: config.MOJALOOP_RATE_PER_S,
  breaker_ms: ms(config.MOJALOOP_BREAKER_S),
  stop_ms: ms(config.MOJALOOP_BREAKER_S * 6),
  poll_ms: Math.min(250, ms(config.LEASE_S) / 6),
})

async function announceFinished(
  tx: Parameters<outbox.OutboxHandlers<OutboxKind>['bulk.finished']>[0],
  row: outbox.OutboxRow<OutboxKind>,
  jobs: Jobs<Queue>,
): Promise<void> {
  const { url, organization_id, result } = row.payload as {
    url: string
    organization_id: string
    result: object
  }
  const fact = { url, organization_id: BigInt(organization_id), type: 'bulk.finished', data: result }
  await jobs.send(tx, 'webhook.deliver', newDelivery(fact, row.created_at))
  // The outbox's row goes with this transaction: the trail keeps that it was handed on, once.
  await record(tx, {
    actor: 'webhooks',
    action: 'webhook.queued',
    subject: row.subject,
    organization_id: fact.organization_id,
  })
}

/** One check at a time: where somebody else's goes on, that one counts. */
async function checkHourly({ db, log, config }: Ctx): Promise<void> {
  await runCheck({ db, log, mode: config.CAURI_MODE }, 'hourly').catch((error: unknown) => {
    if (!(error instanceof Refusal && error.code === 'INTEGRITY_CHECK_RUNNING')) throw error
  })
}

async function keepHouse({ db, config, log }: Ctx, { kyc }: PursueDeps): Promise<void> {
  const keys = await cleanIdempotency(db)
  const uploads = await sweepSpool(spoolFolder(config), 86_400_000)
  const throttles = await cleanThrottles(db)
  await cleanTickets(db)
  const messages = await sweepNotifications(db)
  const waiting = await sweepSealedSpool(spoolFolder(config), 86_400_000)
  const documents = await keepDocuments(db, kyc)
  log.info({ keys, uploads, throttles, messages, waiting, documents }, 'housekeeping done')
}
