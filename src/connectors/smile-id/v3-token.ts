import type { OutboundPool } from '../../platform/outbound.ts'
import type { Submitted } from '../identity-check.ts'
import { isBearer, openTokenKeeper, type Fetched, type TokenKeeper } from '../token-keeper.ts'
import { MOST_BYTES, parseObject, readRefusal } from './shape.ts'

/** Without a token nothing was handed over, whatever happened. */
export type NoToken = Extract<Submitted, { kind: 'refused' | 'unsent' }>

export type Tokens = TokenKeeper<NoToken>

export type TokenOptions = {
  readonly pool: OutboundPool
  /** Path of the address before the API's own, without a slash at its end. */
  readonly base: string
  readonly partner_id: string
  readonly api_key: string
  readonly timeout_ms: number
}

const LIVES_MS = 15 * 60_000
/** Renewed so long before its end that a slow sending of images does not outlive it. */
const MARGIN_MS = 3 * 60_000

/** The token of POST /v3/token. */
export const openTokens = (options: TokenOptions, now?: () => number): Tokens =>
  openTokenKeeper({
    fetch: () => fetchToken(options),
    margin_ms: MARGIN_MS,
    ...(now === undefined ? {} : { now }),
  })

async function fetchToken({
  pool,
  base,
  partner_id,
  api_key,
  timeout_ms,
}: TokenOptions): Promise<Fetched<NoToken>> {
  const answer = await pool.request({
    method: 'POST',
    path: `${base}/v3/token`,
    headers: {
      // Without the zeros that the portal shows before it.
      'smileid-partner-id': partner_id.replace(/^0+/, ''),
      'smileid-api-key': api_key,
      accept: 'application/json',
    },
    timeout_ms,
    max_bytes: MOST_BYTES,
  })
  if (answer.kind !== 'answer') return { kind: 'unsent', because: `no token: ${answer.because}` }
  if (answer.status !== 200) {
    const refusal = readRefusal(answer.status, answer.body)
    return refusal.kind === 'refused' ? refusal : noToken(answer.status)
  }
  const value = parseObject(answer.body)?.['token']
  return isBearer(value) ? { kind: 'token', value, lives_ms: LIVES_MS } : noToken(200)
}

const noToken = (status: number): NoToken => ({
  kind: 'unsent',
  because: `no token: an answer that cannot be used (${status})`,
})
