import { createHmac } from 'node:crypto'
import { keyRingOf, type RingKey } from '../platform/crypto/key-ring.ts'
import type { Tx } from '../platform/db.ts'
import type { Language } from '../platform/http/language.ts'
import type { KeyMode } from './api-key/token.ts'
import { COST, openHasher, type Cost, type Hasher } from './password/hash.ts'
import { noNews, type NewsPort } from './news.ts'
import { keyFor } from './token/seal.ts'

export const purposes = ['VERIFY_PHONE', 'RESET_PASSWORD'] as const
export type CodePurpose = (typeof purposes)[number]

/** What a one-time code's message needs. The code is a secret: it goes to that phone, and into no log. */
export type CodeMessage = {
  readonly person_id: bigint
  /** E.164. */
  readonly phone: string
  readonly language: Language
  readonly purpose: CodePurpose
  /** Six digits. */
  readonly code: string
  /** How long it is good. */
  readonly minutes: number
}

/**
 * Hands a code over to whoever sends messages, in the transaction that makes it: no network, only rows. False when it may
 * not be sent, because too much was sent already to that number or that country today.
 */
export type SendCode = (tx: Tx, message: CodeMessage) => Promise<boolean>

/**
 * Hands a password reset over to later, in the transaction of the request: whether the person exists is looked up by then,
 * so that the request takes the same time for everybody.
 */
export type AskReset = (tx: Tx, account: Identifier) => Promise<void>

/** An invitation to join an organisation, to a phone or to a mailbox. The token is a secret: it goes there, and into no log. */
export type InvitationMessage = {
  readonly organization: string
  readonly to: { readonly phone_number: string } | { readonly email: string }
  readonly language: Language
  readonly token: string
}

/** Hands an invitation over to be sent, in its transaction. Refuses TOO_MANY_REQUESTS above the limits of messages. */
export type SendInvitation = (tx: Tx, message: InvitationMessage) => Promise<void>

/** How somebody says who he is: one of the two, as written. */
export type Identifier = { readonly phone_number: string } | { readonly email: string }

/** So many free tries; then each further one must wait twice as long as the one before, from one second up to `longest_s`. */
export type ThrottleRule = {
  readonly free: number
  readonly longest_s: number
  /** So long after its first try, the count begins again: else a busy address would never be free of it. */
  readonly forgotten_after_s: number
}

/** Every limit and duration is data: seconds of the sandbox's clock, and numbers of tries. */
export type Limits = {
  readonly access_s: number
  /** A refresh token that is not used for so long is worth nothing. */
  readonly refresh_s: number
  /** A sign-in lasts so long at most, however often it is refreshed. */
  readonly session_s: number
  /** How long the answer to a refresh may be asked for again, once, as long as what it gave is unused. */
  readonly repeat_s: number
  readonly key_signs_s: number
  readonly login_account: ThrottleRule
  /** Many people may share one address: a telephone network has few. */
  readonly login_address: ThrottleRule
  readonly registrations_per_hour: number
  readonly reset_requests_per_hour: number
  readonly code_s: number
  readonly code_tries: number
  readonly codes_per_hour: number
  readonly codes_per_day: number
  /** Wrong codes in a row, whatever their number of codes. */
  readonly code_failures: number
  /** Wrong codes of everybody together in one hour: limits per person alone do not bound a guesser with many of them. */
  readonly code_failures_per_hour: number
  /** A second factor that was shown on a sign-in counts so long for what is sensitive. */
  readonly step_up_s: number
  /** A browser's sign-in that is not used for so long is worth nothing. */
  readonly cookie_idle_s: number
  /** It lasts so long at most, however much it is used. */
  readonly cookie_session_s: number
  /** That it was used is written down so often at most. */
  readonly cookie_touch_s: number
  readonly ticket_s: number
  /** An open event stream is judged anew so often (milliseconds). */
  readonly stream_recheck_ms: number
  /** Event streams that one person may have open in one process. */
  readonly streams_per_person: number
  /** A proposed change of roles that nobody has confirmed for so long is void. */
  readonly role_change_s: number
  /** An answer to a reset code is held back so long (milliseconds), that its time does not tell who exists. */
  readonly reset_answers_after_ms: number
  readonly invitation_s: number
  /** Of one organisation. */
  readonly invitations_per_day: number
}

const DAY_S = 86_400

export const LIMITS: Limits = {
  access_s: 600,
  refresh_s: 30 * DAY_S,
  session_s: 90 * DAY_S,
  repeat_s: 10,
  key_signs_s: 30 * DAY_S,
  login_account: { free: 5, longest_s: 900, forgotten_after_s: DAY_S },
  login_address: { free: 50, longest_s: 60, forgotten_after_s: 900 },
  registrations_per_hour: 5,
  reset_requests_per_hour: 20,
  code_s: 600,
  code_tries: 5,
  codes_per_hour: 3,
  codes_per_day: 5,
  code_failures: 20,
  code_failures_per_hour: 200,
  step_up_s: 300,
  cookie_idle_s: 12 * 3_600,
  cookie_session_s: 7 * DAY_S,
  cookie_touch_s: 60,
  ticket_s: 60,
  stream_recheck_ms: 4_000,
  streams_per_person: 20,
  role_change_s: 7 * DAY_S,
  reset_answers_after_ms: 400,
  invitation_s: 7 * DAY_S,
  invitations_per_day: 50,
}

/** What the verbs of this module need besides the database. Without state but the hasher's line: one per process. */
export type Identity = {
  readonly hasher: Hasher
  readonly limits: Limits
  readonly sendCode: SendCode
  readonly askReset: AskReset
  /** `iss` of access tokens. */
  readonly issuer: string
  /** Seal the private keys of access tokens and the secrets of second factors: the first seals, all open. */
  readonly sealing_keys: SealingKeys
  /** In the sandbox who has no second factor passes where one is asked for. */
  readonly is_sandbox: boolean
  /** What people want to hear of: kept by whoever sends messages. */
  readonly news: NewsPort
  /** Which API keys are good here: live ones in production, test ones in a sandbox. */
  readonly key_mode: KeyMode
  readonly sendInvitation: SendInvitation
  /** A keyed hash for one use: who reads the database alone cannot try values on it. */
  readonly digest: (use: string, text: string) => Buffer
}

export type IdentityOptions = {
  /** SECRET_KEY: keys the hashes of codes and of what is counted. */
  readonly secret_key: string
  /** FIELD_ENCRYPTION_KEY, one secret or a list of them: the first seals, all open; SECRET_KEY when absent. */
  readonly field_key?: string | undefined
  readonly public_url?: string | undefined
  readonly is_sandbox?: boolean
  readonly news?: NewsPort
  readonly sendCode: SendCode
  readonly askReset: AskReset
  readonly sendInvitation: SendInvitation
  /** What a hash costs; today's recommendation when absent. */
  readonly password_cost?: Cost | undefined
  readonly limits?: Partial<Limits>
}

/** Keys for sealing, the one that seals first. */
export type SealingKeys = readonly [Buffer, ...Buffer[]]

function sealingKeys({ field_key, secret_key }: IdentityOptions): SealingKeys {
  const keyOf = ({ secret }: RingKey): Buffer => keyFor(secret, 'cauri identity signing keys')
  const { newest, all } = keyRingOf(field_key, secret_key)
  return [keyOf(newest), ...all.filter((one) => one !== newest).map(keyOf)]
}

export function openIdentity(options: IdentityOptions): Identity {
  const digest_key = keyFor(options.secret_key, 'cauri identity digests')
  return {
    hasher: openHasher({ cost: options.password_cost ?? COST }),
    limits: { ...LIMITS, ...options.limits },
    sendCode: options.sendCode,
    askReset: options.askReset,
    key_mode: options.is_sandbox === true ? 'test' : 'live',
    sendInvitation: options.sendInvitation,
    issuer: options.public_url ?? 'urn:cauri:sandbox',
    sealing_keys: sealingKeys(options),
    is_sandbox: options.is_sandbox ?? false,
    news: options.news ?? noNews,
    digest: (use, text) => createHmac('sha256', digest_key).update(`${use}\0${text}`).digest(),
  }
}
