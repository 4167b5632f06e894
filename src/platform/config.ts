import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { count, isNetwork, list, port, seconds, secondsList, yes, yesOrTrue } from './config-values.ts'
import { RETIRED, withOldNames } from './config-old-names.ts'
import { readCrashPoint } from './crash-point.ts'
import { fieldEncryptionKey, filesSettings, missingForFiles } from './settings/files.ts'
import { kycSettings } from './settings/kyc.ts'

/** Every environment name that Cauri reads, with its default and its meaning (docs/reference/config.md is made of it). */
export const schema = z.object({
  CAURI_MODE: z
    .enum(['sandbox', 'production'])
    .default('sandbox')
    .describe('sandbox: everything on loopback, with simulators and demo data; production: none of that'),
  CAURI_HOME: z
    .string()
    .optional()
    .describe(
      'data folder: embedded database, uploads, simulator log (default .cauri, as root /var/lib/cauri)',
    ),
  CAURI_LANGUAGE: z
    .enum(['fr', 'en'])
    .default('fr')
    .describe('language of problem documents when the caller does not ask for one'),
  CAURI_EMBEDDED_IN_PRODUCTION: yes
    .default(false)
    .describe('yes allows the embedded PostgreSQL in production'),
  CAURI_SANDBOX_TRUST: z
    .enum(['on', 'off'])
    .default('on')
    .describe(
      'on: unauthenticated loopback calls act as the demo organisation, and provider addresses must be loopback',
    ),
  HOST: z.string().default('127.0.0.1').describe('address that the API listens on'),
  PORT: port.default(8000).describe('port of the API; 0 chooses a free one'),
  SIMULATOR_PORT: port.default(4100).describe('control API of the simulators (sandbox)'),
  SDK_PORT: port.default(4001).describe('simulated Mojaloop SDK scheme adapter (sandbox)'),
  HUB_PORT: port.default(4040).describe('simulated Mojaloop hub (sandbox)'),
  MAIL_PORT: port.default(0).describe('simulated mail server (sandbox); 0 chooses a free one'),
  BACKEND_PORT: port
    .optional()
    .describe('listener for the SDK adapter’s backend calls and notifications; off unless set'),
  DATABASE_URL: z
    .string()
    .optional()
    .describe('a PostgreSQL 16 or newer; without it the embedded one is started'),
  PUBLIC_URL: z
    .url()
    .optional()
    .describe('address under which the world reaches the API; required in production'),
  SECRET_KEY: z.string().min(32).optional().describe('signs what Cauri sends; required in production'),
  FIELD_ENCRYPTION_KEY: fieldEncryptionKey,
  AUDIT_SIGNING_KEY: z
    .string()
    .regex(/^[A-Za-z0-9+/]{43}=$/, '32 bytes in base64, as openssl rand -base64 32 makes them')
    .optional()
    .describe(
      'signs the audit trail’s checkpoints: 32 random bytes in base64; without it, in production made from SECRET_KEY, in the sandbox kept in CAURI_HOME',
    ),
  AUDIT_FORMER_KEYS: list
    .optional()
    .describe(
      'public keys (as cauri audit key prints them) that signed checkpoints before AUDIT_SIGNING_KEY',
    ),
  CORS_ORIGINS: list.optional().describe('origins that browsers may call from (production)'),
  ALLOWED_HOSTS: list.optional().describe('Host names that are served; all when absent'),
  TRUSTED_PROXIES: list
    .refine((entries) => entries.every(isNetwork), 'a list of addresses or networks, such as 10.0.0.0/8')
    .optional()
    .describe(
      'addresses or networks (10.0.0.0/8) of your reverse proxies: what they say in X-Forwarded-For is believed, for limits by address',
    ),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('least level that is logged'),
  UPLOAD_MAX_BYTES: count.default(268_435_456).describe('largest CSV file, bytes'),
  UPLOAD_MAX_ROWS: count.default(1_000_000).describe('most rows in a CSV file'),
  SAME_LIST_DAYS: seconds.default(20).describe('days within which the same list needs allow_duplicate=true'),
  SAME_LIST_WARNING_DAYS: seconds.default(90).describe('days within which the same list gives a warning'),
  SCHEME_ADAPTER_URL: z
    .url()
    .optional()
    .describe('the Mojaloop SDK scheme adapter; when set, no Mojaloop simulator is started'),
  MOJALOOP_MODE: z
    .enum(['auto', 'two-phase', 'stepwise'])
    .default('auto')
    .describe('auto: asked of the adapter by a probe'),
  MOJALOOP_FEE_CAP: z.coerce
    .bigint()
    .min(0n)
    .default(0n)
    .describe('fee accepted per line above its amount, minor units'),
  MOJALOOP_TIMEOUT_S: seconds.default(100).describe('longest wait for one answer of the adapter'),
  MOJALOOP_EXPIRY_S: seconds
    .default(60)
    .describe('how long a quote and a prepared transfer live at the rail'),
  MOJALOOP_NOT_FOUND_AFTER_S: seconds
    .default(90)
    .describe('the rail’s own delay before «not found» means anything'),
  MOJALOOP_QUERY_DELAYS_S: secondsList
    .default([5, 15, 60, 300, 900, 3600])
    .describe('pauses between queries about an uncertain line; the last one repeats'),
  MOJALOOP_RETRY_DELAYS_S: secondsList
    .default([5, 30])
    .describe(
      'pauses before each new attempt after a refusal that may pass; their number is the number of retries',
    ),
  MOJALOOP_REVIEW_AFTER_S: seconds
    .default(86_400)
    .describe('how long a line may stay uncertain before people must look'),
  MOJALOOP_WINDOW: count.default(256).describe('most calls in flight'),
  MOJALOOP_RATE_PER_S: seconds.default(0).describe('most calls started per second; 0: no limit'),
  MOJALOOP_BREAKER_S: seconds
    .default(5)
    .describe('rest after five failures of the rail in a row, before one line tries'),
  MOJALOOP_PAYEE_CREDIT: z
    .enum(['AT_TRANSFER', 'AT_NOTIFICATION'])
    .default('AT_TRANSFER')
    .describe(
      'when an incoming transfer is credited: at the adapter’s POST /transfers, or at its notification of the final state (a hub that notifies; recommended then)',
    ),
  SMS_PROVIDER: z
    .enum(['orange', 'africas-talking'])
    .optional()
    .describe(
      'who sends SMS; without it production sends none. The sandbox always sends to its simulator (of Orange unless said otherwise)',
    ),
  SMS_TIMEOUT_S: seconds.default(15).describe('longest wait for one answer of the SMS provider'),
  ORANGE_SMS_CLIENT_ID: z.string().optional().describe('application at developer.orange.com'),
  ORANGE_SMS_CLIENT_SECRET: z.string().optional().describe('its secret'),
  ORANGE_SMS_SENDER_NAME: z
    .string()
    .regex(/^[A-Za-z0-9 ]{1,11}$/)
    .optional()
    .describe('name shown as the sender, registered with Orange before; letters, digits, spaces, 11 at most'),
  ORANGE_SMS_RATE_PER_S: seconds.default(5).describe('most SMS started per second; 0: no limit'),
  AFRICAS_TALKING_USERNAME: z.string().optional().describe('name of the application at africastalking.com'),
  AFRICAS_TALKING_API_KEY: z.string().optional().describe('its API key'),
  AFRICAS_TALKING_SENDER: z
    .string()
    .optional()
    .describe('registered sender; Africa’s Talking’s own when absent'),
  SMTP_URL: z
    .string()
    .optional()
    .describe(
      'mail server, smtps://user:password@host:465, or smtp://user:password@host:587?tls=required for STARTTLS (plain smtp:// to a relay on this machine only); without it production sends no mail. The sandbox always sends to its simulator',
    ),
  SMTP_TIMEOUT_S: seconds.default(30).describe('longest conversation with the mail server'),
  MAIL_FROM: z.email().optional().describe('sender’s address of mail; required with SMTP_URL in production'),
  MAIL_FROM_NAME: z.string().max(60).default('Cauri').describe('sender’s name of mail'),
  ...filesSettings,
  ...kycSettings,
  SMILE_ID_PARTNER_ID: z
    .string()
    .regex(/^\d{1,10}$/, 'digits, as Smile ID’s portal shows them')
    .optional()
    .describe(
      'account at Smile ID, which checks identities; without it production asks nobody, and people decide. The sandbox always asks its simulator',
    ),
  SMILE_ID_API_KEY: z.string().min(1).optional().describe('its API key'),
  SMILE_ID_SANDBOX: yesOrTrue
    .default(false)
    .describe(
      'yes: production asks Smile ID’s own sandbox, where a made-up name is enough to pass: for trials only',
    ),
  SMILE_ID_VERSION: z
    .enum(['v1', 'v3'])
    .default('v1')
    .describe('version of Smile ID’s API; v3 takes no check without six to eight liveness images'),
  SMILE_ID_TIMEOUT_S: seconds
    .default(60)
    .describe('longest wait for one answer of Smile ID, the sending of the images included'),
  LEASE_S: seconds
    .default(15)
    .describe(
      'how long a process that died holds what was its own: the rail that it drove, the keys of its requests',
    ),
})

export type Settings = z.output<typeof schema>
export type Config = Settings & {
  readonly home: string
  /** Names from the old systems that are set and no longer mean anything. */
  readonly retired: readonly string[]
}

/** CAURI_ names that belong to the harness of tests and to child processes, never to an operator. */
const OWN = new Set(['CAURI_CRASH_AT'])

/**
 * Reads the environment once. Throws one error that lists everything that is wrong: unknown CAURI_ names, malformed
 * values, secrets missing in production.
 */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const source = withOldNames(env)
  const faults = Object.keys(source)
    .filter((name) => name.startsWith('CAURI_') && !Object.hasOwn(schema.shape, name) && !OWN.has(name))
    .map((name) => `${name}: unknown name`)
  faults.push(...wrongCrashPoint(source))
  const known = Object.keys(schema.shape).filter((name) => source[name] !== undefined && source[name] !== '')
  const parsed = schema.safeParse(Object.fromEntries(known.map((name) => [name, source[name]])))
  if (!parsed.success)
    for (const issue of parsed.error.issues) faults.push(`${issue.path.join('.')}: ${issue.message}`)
  if (parsed.success)
    faults.push(
      ...missingInProduction(parsed.data),
      ...missingForFiles(parsed.data),
      ...unsafeInSandbox(parsed.data),
    )
  if (!parsed.success || faults.length > 0)
    throw new Error(`the configuration is not usable:\n  ${faults.join('\n  ')}`)
  const retired = RETIRED.filter((name) => env[name] !== undefined)
  return { ...parsed.data, home: homeOf(parsed.data), retired }
}

/** A process that kills itself on purpose is for `npm run prove`, and never pays real money. */
function wrongCrashPoint(source: NodeJS.ProcessEnv): string[] {
  const text = source['CAURI_CRASH_AT'] ?? ''
  if (text === '') return []
  if (source['CAURI_MODE'] === 'production') return ['CAURI_CRASH_AT: refused in production']
  const read = readCrashPoint(text)
  return typeof read === 'string' ? [`CAURI_CRASH_AT: ${read}`] : []
}

const smsCredentials = {
  orange: ['ORANGE_SMS_CLIENT_ID', 'ORANGE_SMS_CLIENT_SECRET'],
  'africas-talking': ['AFRICAS_TALKING_USERNAME', 'AFRICAS_TALKING_API_KEY'],
} as const

function missingInProduction(settings: Settings): string[] {
  if (settings.CAURI_MODE !== 'production') return []
  const needed = ['PUBLIC_URL', 'SECRET_KEY', 'FIELD_ENCRYPTION_KEY'] as const
  const faults = needed
    .filter((name) => settings[name] === undefined)
    .map((name) => `${name}: required in production`)
  if (settings.DATABASE_URL === undefined && !settings.CAURI_EMBEDDED_IN_PRODUCTION)
    faults.push('DATABASE_URL: required in production (or CAURI_EMBEDDED_IN_PRODUCTION=yes)')
  const credentials = settings.SMS_PROVIDER === undefined ? [] : smsCredentials[settings.SMS_PROVIDER]
  for (const name of credentials)
    if (settings[name] === undefined)
      faults.push(`${name}: required by SMS_PROVIDER=${settings.SMS_PROVIDER}`)
  if (settings.SMTP_URL !== undefined && settings.MAIL_FROM === undefined)
    faults.push('MAIL_FROM: required by SMTP_URL')
  const [partner, key] = [settings.SMILE_ID_PARTNER_ID, settings.SMILE_ID_API_KEY]
  if (partner !== undefined && key === undefined)
    faults.push('SMILE_ID_API_KEY: required by SMILE_ID_PARTNER_ID')
  if (partner === undefined && key !== undefined)
    faults.push('SMILE_ID_PARTNER_ID: required by SMILE_ID_API_KEY')
  return faults
}

const LOOPBACK = /^(127(\.\d+){3}|\[::1\]|localhost)$/

function unsafeInSandbox(settings: Settings): string[] {
  if (settings.CAURI_MODE !== 'sandbox' || settings.CAURI_SANDBOX_TRUST === 'off') return []
  const url = settings.SCHEME_ADAPTER_URL
  if (url === undefined || LOOPBACK.test(new URL(url).hostname)) return []
  return [
    'SCHEME_ADAPTER_URL: not a loopback address; the sandbox trusts every local caller. Set CAURI_SANDBOX_TRUST=off or CAURI_MODE=production',
  ]
}

function homeOf(settings: Settings): string {
  if (settings.CAURI_HOME !== undefined) return resolve(settings.CAURI_HOME)
  const root = process.getuid?.() === 0
  // As root the database runs as another user, who cannot enter root's own folders.
  return root && resolve('.').startsWith(homedir()) ? '/var/lib/cauri' : join(resolve('.'), '.cauri')
}
