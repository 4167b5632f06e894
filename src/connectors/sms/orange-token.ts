import type { OutboundPool } from '../../platform/outbound.ts'
import { MOST_BYTES, parseObject, unsent } from './shape.ts'
import type { SmsAnswer } from '../sms.ts'

/** A bearer token, or why there is none: then nothing was sent. */
export type Token = { readonly kind: 'token'; readonly value: string } | SmsAnswer

export type Tokens = {
  readonly get: () => Promise<Token>
  /** The provider did not take this one: the next `get` asks for another, unless somebody did already. */
  readonly drop: (value: string) => void
}

export type TokenOptions = {
  readonly pool: OutboundPool
  /** Path of the address before the API's own, without a slash at its end. */
  readonly base: string
  readonly client_id: string
  readonly client_secret: string
  readonly timeout_ms: number
}

/** Renewed this long before its end, so that a call on its way does not meet it. */
const MARGIN_MS = 60_000
/** Where the answer does not say; Orange's lives 3,600 s. */
const DEFAULT_S = 3_600

/**
 * The token of Orange's API: POST /oauth/v3/token, client credentials (Basic). One at a time: whoever comes while it
 * is being fetched waits for the same one.
 */
export function openTokens(options: TokenOptions): Tokens {
  let kept: { readonly value: string; readonly until: number } | undefined
  let coming: Promise<Token> | undefined
  const fetchToken = async (): Promise<Token> => {
    const fetched = await askToken(options)
    if (fetched.kind !== 'token') return fetched
    kept = { value: fetched.value, until: performance.now() + fetched.lives_ms - MARGIN_MS }
    return fetched
  }
  return {
    get: async () => {
      if (kept !== undefined && performance.now() < kept.until) return { kind: 'token', value: kept.value }
      coming ??= fetchToken().finally(() => {
        coming = undefined
      })
      return coming
    },
    drop: (value) => {
      if (kept?.value === value) kept = undefined
    },
  }
}

type Fetched = { readonly kind: 'token'; readonly value: string; readonly lives_ms: number } | SmsAnswer

async function askToken({
  pool,
  base,
  client_id,
  client_secret,
  timeout_ms,
}: TokenOptions): Promise<Fetched> {
  const basic = Buffer.from(`${client_id}:${client_secret}`).toString('base64')
  const answer = await pool.request({
    method: 'POST',
    path: `${base}/oauth/v3/token`,
    headers: {
      authorization: `Basic ${basic}`,
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
    },
    body: 'grant_type=client_credentials',
    timeout_ms,
    max_bytes: MOST_BYTES,
  })
  // Whatever became of it, no message has left.
  if (answer.kind !== 'answer') return unsent(`no token: ${answer.because}`)
  if (answer.status === 401 || answer.status === 400 || answer.status === 403)
    return unsent('no token: the credentials are refused', true)
  const body = answer.status === 200 ? parseObject(answer.body) : undefined
  const value = body?.['access_token']
  // It goes into a header: nothing but what RFC 6750 allows in one.
  if (typeof value !== 'string' || !/^[\w.~+/=-]{1,4096}$/.test(value))
    return unsent(`no token: an answer that cannot be used (${answer.status})`)
  return { kind: 'token', value, lives_ms: livesOf(body?.['expires_in']) }
}

/** Seconds, as a number or as text; a life that makes no sense counts as the usual one. */
function livesOf(expires_in: unknown): number {
  const seconds = Number(expires_in)
  return (seconds > 0 && seconds <= 86_400 ? seconds : DEFAULT_S) * 1_000
}
