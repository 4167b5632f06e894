import { join } from 'node:path'
import { onSettled } from './bulk/index.ts'
import {
  findPerson,
  openIdentity,
  type Identity,
  type IdentityLimits,
  type NewsPort,
  type PasswordCost,
  type SendCode,
} from './identity/index.ts'
import type { SmsProvider } from './connectors/sms.ts'
import type { MailSender } from './connectors/mail.ts'
import {
  CALLBACK_PATH,
  kycReasons,
  openKyc,
  type CheckRules,
  type Kyc,
  type KycNews,
  type KycOutboxKind,
  type PursueDeps,
} from './kyc/index.ts'
import type { IdentityCheck } from './connectors/identity-check.ts'
import { openSmtp } from './connectors/mail/index.ts'
import { openSmileIdV1, openSmileIdV3 } from './connectors/smile-id/index.ts'
import { openAfricasTalking, openOrangeSms } from './connectors/sms/index.ts'
import { choosePreference, countUnread, listChoices, newsKinds, notify } from './notifications/index.ts'
import type { PurposeHandler } from './payments/index.ts'
import type { Config } from './platform/config.ts'
import type { Ctx } from './platform/context.ts'
import { sql, type Tx } from './platform/db.ts'
import { keyRingOf } from './platform/crypto/key-ring.ts'
import { Refusal, unreachable } from './platform/errors.ts'
import { openFolderStore, type FileStore } from './platform/files.ts'
import { openS3Store } from './platform/files/s3.ts'
import type { Log } from './platform/log.ts'
import type { Outbound } from './platform/outbound.ts'
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
}

export const spoolFolder = (config: Config): string => join(config.home, 'uploads')

/** What others are told, and by whom: a new kind without a handler does not compile. */
export type OutboxKind = 'bulk.finished' | 'identity.reset_asked' | 'notification' | KycOutboxKind

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
  })

/** Where documents lie. */
export function filesOf(config: Config): FileStore {
  if (config.FILES_STORE === 'folder') return openFolderStore(join(config.home, 'files'))
  return openS3Store({
    endpoint: config.FILES_S3_ENDPOINT,
    region: config.FILES_S3_REGION,
    bucket: config.FILES_S3_BUCKET ?? '',
    access_key: config.FILES_S3_ACCESS_KEY ?? '',
    secret_key: config.FILES_S3_SECRET_KEY ?? '',
    path_style: config.FILES_S3_PATH_STYLE,
    timeout_ms: config.FILES_S3_TIMEOUT_S * 1_000,
  })
}

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

/** Tells a person what became of his file, in his language, wherever he can be reached. */
export async function tellKycNews(tx: Tx, { kind, person_id, reason }: KycNews): Promise<void> {
  const person = await findPerson(tx, BigInt(person_id))
  if (person === undefined || !person.is_active) return
  const { id, phone_number: phone, email, preferred_language: language } = person
  const to = { person_id: id, phone, language, ...(email === null ? {} : { email }) }
  const sentence = reason === null ? null : kycReasons[reason][language]
  switch (kind) {
    case 'kyc_verified':
    case 'kyc_expired':
      await notify(tx, to, { kind, news: {} })
      return
    case 'kyc_rejected':
    case 'kyc_resubmit':
      await notify(tx, to, { kind, news: { reason: sentence } })
      return
    default:
      unreachable(kind)
  }
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

/** The purposes that a payment can have. Each has its handler, called in the transaction that settles. */
export const purposeHandlers = {
  BULK_LINE: onSettled((tx, bulk_id, fact) =>
    outbox.add<OutboxKind>(tx, 'bulk.finished', bulk_id, {
      ...fact,
      organization_id: String(fact.organization_id),
    }),
  ),
} satisfies Record<string, PurposeHandler>

/** Their one address each; the sandbox's stand-ins are below /sms/ of the simulators. */
const ORANGE_URL = 'https://api.orange.com'
const AFRICAS_TALKING_URL = 'https://api.africastalking.com'
/** What the simulated providers take. */
const SANDBOX = 'sandbox'

/**
 * Who sends SMS. In production what the configuration says, or nobody; in the sandbox only ever the simulator, so that
 * no trial reaches a person: nobody where the simulators do not run.
 */
export function openSms(
  { config, simulator_url }: Pick<AppOptions, 'config' | 'simulator_url'>,
  outbound: Outbound,
): SmsProvider | undefined {
  const sandbox = config.CAURI_MODE === 'sandbox'
  const provider = config.SMS_PROVIDER ?? (sandbox ? 'orange' : undefined)
  if (provider === undefined || (sandbox && simulator_url === undefined)) return undefined
  const timeout_ms = config.SMS_TIMEOUT_S * 1_000
  const simulated = sandbox ? `${simulator_url}/sms/${provider}` : undefined
  if (provider === 'orange')
    return openOrangeSms({
      url: simulated ?? ORANGE_URL,
      client_id: sandbox ? SANDBOX : (config.ORANGE_SMS_CLIENT_ID ?? ''),
      client_secret: sandbox ? SANDBOX : (config.ORANGE_SMS_CLIENT_SECRET ?? ''),
      ...(config.ORANGE_SMS_SENDER_NAME === undefined ? {} : { sender_name: config.ORANGE_SMS_SENDER_NAME }),
      rate_per_s: config.ORANGE_SMS_RATE_PER_S,
      timeout_ms,
      outbound,
    })
  return openAfricasTalking({
    url: simulated ?? AFRICAS_TALKING_URL,
    username: sandbox ? SANDBOX : (config.AFRICAS_TALKING_USERNAME ?? ''),
    api_key: sandbox ? SANDBOX : (config.AFRICAS_TALKING_API_KEY ?? ''),
    ...(config.AFRICAS_TALKING_SENDER === undefined ? {} : { from: config.AFRICAS_TALKING_SENDER }),
    timeout_ms,
    outbound,
  })
}

/** Who sends mail, by the same rule. Throws when the configured address cannot be used. */
export function openMail({
  config,
  simulator_mail_port,
}: Pick<AppOptions, 'config' | 'simulator_mail_port'>): MailSender | undefined {
  const sandbox = config.CAURI_MODE === 'sandbox'
  const simulated =
    simulator_mail_port === undefined
      ? undefined
      : `smtp://${SANDBOX}:${SANDBOX}@127.0.0.1:${simulator_mail_port}`
  const url = sandbox ? simulated : config.SMTP_URL
  if (url === undefined) return undefined
  return openSmtp({
    url,
    from: { address: config.MAIL_FROM ?? 'cauri@localhost', name: config.MAIL_FROM_NAME },
    timeout_ms: config.SMTP_TIMEOUT_S * 1_000,
  })
}

const SMILE_ID_URL = 'https://api.smileidentity.com'
const SMILE_ID_SANDBOX_URL = 'https://testapi.smileidentity.com'
/** What the simulated Smile ID takes. */
const SIMULATED_PARTNER = '1234'

/**
 * Where Smile ID is and who we are there, by the same rule. In production its own sandbox where the configuration says so: other
 * hosts, and nothing that it says is about a real person.
 */
export function smileIdAccount({
  config,
  simulator_url,
}: Pick<AppOptions, 'config' | 'simulator_url'>):
  { readonly url: string; readonly partner_id: string; readonly api_key: string } | undefined {
  if (config.CAURI_MODE === 'sandbox')
    return simulator_url === undefined
      ? undefined
      : { url: `${simulator_url}/smile-id`, partner_id: SIMULATED_PARTNER, api_key: SANDBOX }
  const { SMILE_ID_PARTNER_ID: partner_id, SMILE_ID_API_KEY: api_key } = config
  if (partner_id === undefined || api_key === undefined) return undefined
  return { url: config.SMILE_ID_SANDBOX ? SMILE_ID_SANDBOX_URL : SMILE_ID_URL, partner_id, api_key }
}

/** Who checks identities; without one people decide. */
export function openIdentityCheck(
  options: Pick<AppOptions, 'config' | 'simulator_url'>,
  outbound: Outbound,
): IdentityCheck | undefined {
  const account = smileIdAccount(options)
  if (account === undefined) return undefined
  const { SMILE_ID_VERSION, SMILE_ID_TIMEOUT_S } = options.config
  const open = SMILE_ID_VERSION === 'v3' ? openSmileIdV3 : openSmileIdV1
  return open({ ...account, timeout_ms: SMILE_ID_TIMEOUT_S * 1_000, outbound })
}
