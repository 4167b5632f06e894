import { join } from 'node:path'
import { onSettled } from './bulk/index.ts'
import {
  openIdentity,
  type Identity,
  type IdentityLimits,
  type NewsPort,
  type PasswordCost,
  type SendCode,
} from './identity/index.ts'
import type { SmsProvider } from './connectors/sms.ts'
import type { MailSender } from './connectors/mail.ts'
import { openSmtp } from './connectors/mail/index.ts'
import { openAfricasTalking, openOrangeSms } from './connectors/sms/index.ts'
import { choosePreference, countUnread, listChoices, newsKinds, notify } from './notifications/index.ts'
import type { PurposeHandler } from './payments/index.ts'
import type { Config } from './platform/config.ts'
import { sql } from './platform/db.ts'
import { Refusal } from './platform/errors.ts'
import type { Log } from './platform/log.ts'
import type { Outbound } from './platform/outbound.ts'
import * as outbox from './platform/outbox.ts'

export const DEMO_ORGANIZATION = 'Caisse de démonstration'
export const MOJALOOP = 'mojaloop'

export type AppOptions = {
  readonly config: Config
  readonly log: Log
  /** The database, as its owner: migrations are done. Statements run as the role cauri_app where it exists. */
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
export type OutboxKind = 'bulk.finished' | 'identity.reset_asked' | 'notification'

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
