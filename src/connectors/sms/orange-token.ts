import type { OutboundPool } from '../../platform/outbound.ts'
import { MOST_BYTES, parseObject, unsent } from './shape.ts'
import type { SmsAnswer } from '../sms.ts'
import { isBearer, livesOf, openTokenKeeper, type Fetched, type TokenKeeper } from '../token-keeper.ts'

export type Tokens = TokenKeeper<SmsAnswer>

export type TokenOptions = {
  readonly pool: OutboundPool
  /** Path of the address before the API's own, without a slash at its end. */
  readonly base: string
  readonly client_id: string
  readonly client_secret: string
  readonly timeout_ms: number
}

/** Renewed this long before its end. */
const MARGIN_MS = 60_000
/** Where the answer does not say; Orange's lives 3,600 s. */
const DEFAULT_S = 3_600

/** The token of Orange's API: POST /oauth/v3/token, client credentials (Basic). */
export const openTokens = (options: TokenOptions): Tokens =>
  openTokenKeeper({ fetch: () => askToken(options), margin_ms: MARGIN_MS })

async function askToken({
  pool,
  base,
  client_id,
  client_secret,
  timeout_ms,
}: TokenOptions): Promise<Fetched<SmsAnswer>> {
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
  if (!isBearer(value)) return unsent(`no token: an answer that cannot be used (${answer.status})`)
  return { kind: 'token', value, lives_ms: livesOf(body?.['expires_in'], DEFAULT_S) }
}
