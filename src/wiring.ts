import { join } from 'node:path'
import { findBulk, onSettled } from './bulk/index.ts'
import {
  listReached,
  openIdentity,
  type Identity,
  type PasswordCost,
  type SendCode,
  type SendInvitation,
} from './identity/index.ts'
import type { SmsProvider } from './connectors/sms.ts'
import type { MailSender } from './connectors/mail.ts'
import { openSmtp } from './connectors/mail/index.ts'
import { openAfricasTalking, openOrangeSms } from './connectors/sms/index.ts'
import { notify } from './notifications/index.ts'
import type { PurposeHandler } from './payments/index.ts'
import type { Config } from './platform/config.ts'
import { sql, type Tx } from './platform/db.ts'
import { Refusal } from './platform/errors.ts'
import type { Log } from './platform/log.ts'
import { toJson } from './platform/money.ts'
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
}

export const spoolFolder = (config: Config): string => join(config.home, 'uploads')

/** What others are told, and by whom: a new kind without a handler does not compile. */
export type OutboxKind = 'bulk.approval_asked' | 'bulk.finished' | 'identity.reset_asked' | 'notification'

/** People and sign-in, as this process has them: one for each process, for the hashes that it makes at once. */
export const identityOf = ({
  config,
  secret_key,
  password_cost,
}: Pick<AppOptions, 'config' | 'secret_key' | 'password_cost'>): Identity =>
  openIdentity({
    secret_key,
    field_key: config.FIELD_ENCRYPTION_KEY,
    public_url: config.PUBLIC_URL,
    password_cost,
    sendCode: sendCodeBySms,
    askReset: (tx, account) => outbox.add<OutboxKind>(tx, 'identity.reset_asked', 'person:unknown', account),
    sendInvitation: sendInvitationFrom(config),
    production: config.CAURI_MODE === 'production',
  })

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
  BULK_LINE: onSettled((tx, bulk_id, fact) =>
    outbox.add<OutboxKind>(tx, 'bulk.finished', bulk_id, {
      ...fact,
      organization_id: String(fact.organization_id),
    }),
  ),
} satisfies Record<string, PurposeHandler>

/** Tells the approvers of an organisation that a batch waits for them; not those who made it. */
export async function askApprovers(tx: Tx, row: outbox.OutboxRow): Promise<void> {
  const asked = row.payload as { readonly organization_id: string; readonly not_to: readonly string[] }
  const organization_id = BigInt(asked.organization_id)
  const bulk = await findBulk(tx, organization_id, row.subject)
  if (bulk?.awaiting_approval !== true) return // somebody was faster than the message
  const { organization, total, total_amount, currency } = bulk
  const news = { organization, total, amount: toJson(total_amount), currency }
  for (const { person_id, phone_number, email, language } of await listReached(
    tx,
    organization_id,
    'APPROBATEUR',
  )) {
    if (asked.not_to.includes(String(person_id))) continue
    const to = { person_id, phone: phone_number, language, ...(email === null ? {} : { email }) }
    await notify(tx, to, { kind: 'approval_needed', news })
  }
}

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
