import { join } from 'node:path'
import type { SmsProvider } from './connectors/sms.ts'
import type { MailSender } from './connectors/mail.ts'
import type { IdentityCheck } from './connectors/identity-check.ts'
import { openSmtp } from './connectors/mail/index.ts'
import { openSmileIdV1, openSmileIdV3 } from './connectors/smile-id/index.ts'
import { openAfricasTalking, openOrangeSms } from './connectors/sms/index.ts'
import type { Config } from './platform/config.ts'
import { openFolderStore, type FileStore } from './platform/files.ts'
import { openS3Store } from './platform/files/s3.ts'
import type { Outbound } from './platform/outbound.ts'

import type { AppOptions } from './wiring.ts'

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
