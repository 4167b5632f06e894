import type { OutboundPool } from '../../platform/outbound.ts'
import type { Submitted } from '../identity-check.ts'
import { MOST_BYTES, parseObject, readRefusal } from './shape.ts'

export type Token = { readonly kind: 'token'; readonly value: string }
/** Without a token nothing was handed over, whatever happened. */
export type NoToken = Extract<Submitted, { kind: 'refused' | 'unsent' }>

export type Tokens = {
  readonly get: () => Promise<Token | NoToken>
  /** The provider did not take this one: the next `get` asks for another, unless somebody did already. */
  readonly drop: (value: string) => void
}

export type TokenOptions = {
  readonly pool: OutboundPool
  /** Path of the address before the API's own, without a slash at its end. */
  readonly base: string
  readonly partner_id: string
  readonly api_key: string
  readonly timeout_ms: number
}

/** A token lives 15 minutes; it is renewed three before, so that a slow sending of images does not outlive it. */
const KEPT_MS = 12 * 60_000

/** The token of POST /v3/token. One at a time: whoever comes while it is being fetched waits for the same one. */
export function openTokens(options: TokenOptions, now: () => number = () => performance.now()): Tokens {
  let kept: { readonly value: string; readonly until: number } | undefined
  let coming: Promise<Token | NoToken> | undefined
  const renew = async (): Promise<Token | NoToken> => {
    const asked_at = now()
    const fetched = await fetchToken(options)
    if (fetched.kind === 'token') kept = { value: fetched.value, until: asked_at + KEPT_MS }
    return fetched
  }
  return {
    get: async () => {
      if (kept !== undefined && now() < kept.until) return { kind: 'token', value: kept.value }
      coming ??= renew().finally(() => {
        coming = undefined
      })
      return coming
    },
    drop: (value) => {
      if (kept?.value === value) kept = undefined
    },
  }
}

async function fetchToken({
  pool,
  base,
  partner_id,
  api_key,
  timeout_ms,
}: TokenOptions): Promise<Token | NoToken> {
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
  // It goes into a header: nothing but the letters of a JWT.
  return typeof value === 'string' && /^[\w.~+/=-]{1,8192}$/.test(value)
    ? { kind: 'token', value }
    : noToken(200)
}

const noToken = (status: number): NoToken => ({
  kind: 'unsent',
  because: `no token: an answer that cannot be used (${status})`,
})
