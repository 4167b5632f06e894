import { join } from 'node:path'
import { onSettled } from './bulk/index.ts'
import {
  openIdentity,
  personIn,
  type Identity,
  type IdentityLimits,
  type NewsPort,
  type PasswordCost,
  type SendCode,
  type SendInvitation,
} from './identity/index.ts'
import {
  CALLBACK_PATH,
  openKyc,
  type CheckRules,
  type Kyc,
  type KycOutboxKind,
  type PursueDeps,
} from './kyc/index.ts'
import { choosePreference, countUnread, listChoices, newsKinds, notify } from './notifications/index.ts'
import type { PurposeHandler } from './payments/index.ts'
import type { Config } from './platform/config.ts'
import type { Ctx } from './platform/context.ts'
import { sql } from './platform/db.ts'
import { keyRingOf } from './platform/crypto/key-ring.ts'
import { Refusal } from './platform/errors.ts'
import type { Log } from './platform/log.ts'
import * as outbox from './platform/outbox.ts'

export const DEMO_ORGANIZATION = 'Caisse de démonstration'
export const MOJALOOP = 'mojaloop'

export type AppOptions = {
  readonly config: Config
  readonly log: Log
  /** The database, as its owner: migrations are done. Statements run as the roles that they have made. */
  readonly url: string
  /** The scheme adapter, real or simulated; without one nothing is paid. */
  readonly adapter_url: string | undefined
  /** The simulators' control API, in the sandbox. */
  readonly simulator_url?: string
  /** The simulated mail server's port on loopback, in the sandbox. */
  readonly simulator_mail_port?: number
  readonly secret_key: string
  /** What a password hash costs; today's recommendation when absent. */
  readonly password_cost?: PasswordCost
  /** Other limits and durations of sign-in than the usual ones: tests have shorter ones. */
  readonly limits?: Partial<IdentityLimits>
  /** How often the worker looks for facts that others are to be told, in milliseconds; every two seconds when absent. */
  readonly outbox_every_ms?: number
}

export const spoolFolder = (config: Config): string => join(config.home, 'uploads')

/** What others are told, and by whom: a new kind without a handler does not compile. */
export type OutboxKind =
  | 'bulk.approval_asked'
  | 'bulk.finished'
  | 'bulk.maker_told'
  | 'identity.reset_asked'
  | 'notification'
  | KycOutboxKind

/** People and sign-in, as this process has them: one for each process, for the hashes that it makes at once. */
export const identityOf = ({
  config,
  secret_key,
  password_cost,
  limits,
}: Pick<AppOptions, 'config' | 'secret_key' | 'password_cost' | 'limits'>): Identity =>
  openIdentity({
    secret_key,
    field_key: config.FIELD_ENCRYPTION_KEY,
    is_sandbox: config.CAURI_MODE === 'sandbox',
    news,
    ...(limits === undefined ? {} : { limits }),
    public_url: config.PUBLIC_URL,
    password_cost,
    sendCode: sendCodeBySms,
    askReset: (tx, account) => outbox.add<OutboxKind>(tx, 'identity.reset_asked', 'person:unknown', account),
    sendInvitation: sendInvitationFrom(config),
  })

/** The proof of identities, as this process has it. */
export const kycOf = (
  { config, secret_key }: Pick<AppOptions, 'config' | 'secret_key'>,
  { files, has_provider }: Pick<Kyc, 'files' | 'has_provider'>,
): Kyc =>
  openKyc({
    secret_key,
    ring: keyRingOf(config.FIELD_ENCRYPTION_KEY, secret_key),
    files,
    spool_folder: spoolFolder(config),
    has_provider,
  })

/** A look hands over images, which takes its time; then somebody else may look. */
const CLAIM_S = 300

/** When the provider of identity checks is asked, from the configuration. */
const checkRules = (config: Config): CheckRules => ({
  query_delays_s: config.KYC_QUERY_DELAYS_S,
  not_found_after_s: config.KYC_NOT_FOUND_AFTER_S,
  retry_delays_s: config.KYC_RETRY_DELAYS_S,
  review_after_s: config.KYC_REVIEW_AFTER_S,
  claim_s: CLAIM_S,
})

/** What the worker needs to look at checks. The sandbox's own address is the machine's. */
export function pursuingOf(
  { config, db, log }: Ctx,
  { kyc, provider }: Pick<PursueDeps, 'kyc' | 'provider'>,
): PursueDeps {
  const base = (config.PUBLIC_URL ?? `http://127.0.0.1:${config.PORT}`).replace(/\/$/, '')
  const [callback_url, policy_url] = [base + CALLBACK_PATH, `${base}/api/auth/kyc/consent`]
  return { db, log, kyc, provider, callback_url, policy_url, rules: checkRules(config) }
}

/** What people want to hear of, as notifications keep it. */
const news: NewsPort = { kinds: newsKinds, listChoices, choose: choosePreference, countUnread }

const codeKinds = { VERIFY_PHONE: 'phone_code', RESET_PASSWORD: 'password_reset' } as const

/** Above the limits of messages nothing goes out and nothing is counted; what asked for the code is not undone. */
const sendCodeBySms: SendCode = async (tx, { person_id, phone, language, purpose, code, minutes }) => {
  await tx.run(sql`savepoint code_by_sms`)
  try {
    await notify(tx, { person_id, phone, language }, { kind: codeKinds[purpose], news: { code, minutes } })
    await tx.run(sql`release savepoint code_by_sms`)
    return true
  } catch (error) {
    if (!(error instanceof Refusal && error.code === 'TOO_MANY_REQUESTS')) throw error
    await tx.run(sql`rollback to savepoint code_by_sms`)
    return false
  }
}

/** The token stands behind #: no server and no proxy writes it down. */
const sendInvitationFrom =
  ({ PUBLIC_URL, PORT }: Config): SendInvitation =>
  async (tx, { organization, to, language, token }) => {
    const base = PUBLIC_URL?.replace(/\/+$/, '') ?? `http://localhost:${PORT}`
    const recipient = 'email' in to ? { email: to.email } : { phone: to.phone_number }
    const news = { organization, link: `${base}/i#${token}` }
    await notify(tx, { ...recipient, language }, { kind: 'invitation', news })
  }

/** The purposes that a payment can have. Each has its handler, called in the transaction that settles. */
export const purposeHandlers = {
  BULK_LINE: onSettled({
    announce: (tx, bulk_id, fact) =>
      outbox.add<OutboxKind>(tx, 'bulk.finished', bulk_id, {
        ...fact,
        organization_id: String(fact.organization_id),
      }),
    tell: async (tx, { bulk_id, organization_id, created_by }) => {
      if (personIn(created_by) === undefined) return // a key, or the sandbox's own machine: it has a callback
      await outbox.add<OutboxKind>(tx, 'bulk.maker_told', bulk_id, {
        organization_id: String(organization_id),
      })
    },
  }),
} satisfies Record<string, PurposeHandler>
