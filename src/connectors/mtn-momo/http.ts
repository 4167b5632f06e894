import { crashPoint } from '../../platform/crash-point.ts'
import type { Outbound, OutboundAnswer } from '../../platform/outbound.ts'
import { isBearer, livesOf, openTokenKeeper, type Fetched, type TokenKeeper } from '../token-keeper.ts'
import type { Answer } from '../rail.ts'
import { parseObject, text, type Json } from './shape.ts'

export type Product = 'collection' | 'disbursement'

export type MtnCredentials = {
  /** Such as https://proxy.momoapi.mtn.com: MTN publishes no address of production, it comes with the contract. */
  readonly url: string
  readonly product: Product
  /** Of this product: Ocp-Apim-Subscription-Key. */
  readonly subscription_key: string
  readonly api_user: string
  readonly api_key: string
  /** `mtncameroon`, …; `sandbox` is MTN's own. */
  readonly target_environment: string
}

export type MtnHttpOptions = MtnCredentials & {
  /** Longest wait for one answer. */
  readonly timeout_ms: number
  readonly connections: number
  readonly outbound: Outbound
}

export type HttpAnswer = { readonly status: number; readonly body: Buffer; readonly json: Json | undefined }
/** An answer of MTN's, or why there is none. */
export type Reply =
  (HttpAnswer & { readonly kind: 'answer' }) | Extract<Answer, { kind: 'unsent' | 'unknown' | 'stop' }>

export type MtnHttp = {
  /** `reference`: ours, sent as X-Reference-Id. A token that was not taken is fetched anew, once. */
  readonly call: (
    method: 'GET' | 'POST',
    path: string,
    more?: { readonly reference?: string; readonly body?: object },
  ) => Promise<Reply>
  readonly close: () => Promise<void>
}

const MOST_BYTES = 65_536
/** MTN’s advice: ten minutes before the end, never one for each payment. */
const MARGIN_MS = 600_000
const USUAL_S = 3_600

/** Calls of one product of MTN's Open API, with its token. */
export function openMtnHttp(options: MtnHttpOptions): MtnHttp {
  const { outbound, timeout_ms, connections, subscription_key, target_environment } = options
  const url = new URL(options.url)
  const base = `${url.pathname.replace(/\/+$/, '')}/${options.product}`
  const pool = outbound.pool(url.origin, { connections })
  const key = { 'ocp-apim-subscription-key': subscription_key, accept: 'application/json' }
  const request: Ask = (method, path, headers, body) =>
    pool.request({
      method,
      path: base + path,
      headers: { ...key, ...headers },
      timeout_ms,
      max_bytes: MOST_BYTES,
      ...(body === undefined ? {} : { body }),
    })
  const tokens: TokenKeeper<Trouble> = openTokenKeeper({
    margin_ms: MARGIN_MS,
    fetch: () => fetchToken(request, options),
  })
  const once: MtnHttp['call'] = async (method, path, { reference, body } = {}) => {
    const token = await tokens.get()
    if (token.kind !== 'token') return token
    const headers = {
      authorization: `Bearer ${token.value}`,
      'x-target-environment': target_environment,
      ...(reference === undefined ? {} : { 'x-reference-id': reference }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    }
    if (method === 'POST') crashPoint('call.before-send')
    const reply = replyOf(
      await request(method, path, headers, body === undefined ? undefined : JSON.stringify(body)),
    )
    if (reply.kind === 'answer' && reply.status === 401) tokens.drop(token.value)
    return reply
  }
  return {
    call: async (...ask) => {
      const reply = await once(...ask)
      // Nothing was done: it is the same call, under the same reference.
      return reply.kind === 'answer' && reply.status === 401 ? once(...ask) : reply
    },
    close: pool.close,
  }
}

type Trouble = Extract<Answer, { kind: 'unsent' | 'stop' }>
type Ask = (
  method: 'GET' | 'POST',
  path: string,
  headers: Readonly<Record<string, string>>,
  body?: string,
) => Promise<OutboundAnswer>

/** POST /{product}/token/, with nothing in its body: a body is answered 400. */
async function fetchToken(
  request: Ask,
  { api_user, api_key }: Pick<MtnCredentials, 'api_user' | 'api_key'>,
): Promise<Fetched<Trouble>> {
  const basic = Buffer.from(`${api_user}:${api_key}`).toString('base64')
  const reply = replyOf(await request('POST', '/token/', { authorization: `Basic ${basic}` }))
  // Whatever became of it, no payment has left.
  if (reply.kind !== 'answer') return { kind: 'unsent', because: `no token: ${reply.because}`, said: {} }
  const said = saidOf(reply)
  if (reply.status === 401 || reply.status === 403)
    return { kind: 'stop', because: `MTN refuses our API user or subscription key (${reply.status})`, said }
  const value = reply.status === 200 ? reply.json?.['access_token'] : undefined
  if (!isBearer(value))
    return { kind: 'unsent', because: `no token: an answer that cannot be used (${reply.status})`, said }
  return { kind: 'token', value, lives_ms: livesOf(reply.json?.['expires_in'], USUAL_S) }
}

const replyOf = (outcome: OutboundAnswer): Reply =>
  outcome.kind === 'answer'
    ? {
        kind: 'answer',
        status: outcome.status,
        body: outcome.body,
        json: parseObject(outcome.body),
      }
    : { ...outcome, said: {} }

/** What is kept of an answer as evidence: its status, code and words, never a token or a person. */
export function saidOf({ status, json }: HttpAnswer): Answer['said'] {
  const code = text(json?.['code'])
  const message = text(json?.['message'])
  return {
    http_status: status,
    ...(code === undefined ? {} : { rail_code: code }),
    ...(message === undefined ? {} : { message }),
  }
}
