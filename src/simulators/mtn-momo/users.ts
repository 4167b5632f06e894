import { randomBytes, randomUUID } from 'node:crypto'
import type { Exchange } from '../http.ts'
import type { Respond } from './strike.ts'
import { empty, error, header, MTN_SANDBOX, parse, UUID_4, type MtnWorld } from './world.ts'

const TOKEN_S = 3_600

/** The provisioning of MTN's sandbox: API users and their keys. False when the call is none of it. */
export function provision(
  { payments }: MtnWorld,
  exchange: Exchange,
  { path, respond }: { readonly path: string; readonly respond: Respond },
): boolean {
  if (exchange.method === 'POST' && path === '/v1_0/apiuser') {
    const wanted = header(exchange, 'x-reference-id')
    const { providerCallbackHost: host } = { ...(parse(exchange.body) as object | undefined) } as {
      providerCallbackHost?: unknown
    }
    if (!UUID_4.test(wanted) || typeof host !== 'string') respond(error(400, 'BAD_REQUEST'))
    else if (payments.user(wanted) !== undefined) respond(error(409, 'RESOURCE_ALREADY_EXIST'))
    else payments.putUser(wanted, { host }, () => respond(empty(201)))
    return true
  }
  const [, id = '', key] = /^\/v1_0\/apiuser\/([^/]+)(\/apikey)?$/.exec(path) ?? []
  if (id === '') return false
  const user = payments.user(id)
  if (user === undefined) respond(error(404, 'RESOURCE_NOT_FOUND'))
  else if (exchange.method === 'POST' && key !== undefined) {
    const api_key = randomBytes(16).toString('hex')
    payments.putUser(id, { host: user.host, api_key }, () =>
      respond({ status: 201, body: { apiKey: api_key } }),
    )
  } else respond({ status: 200, body: { providerCallbackHost: user.host, targetEnvironment: 'sandbox' } })
  return true
}

/** POST /{product}/token/. */
export function giveToken({ payments, tokens, clock }: MtnWorld, exchange: Exchange, respond: Respond): void {
  const basic = /^Basic (.+)$/.exec(exchange.headers.authorization ?? '')?.[1] ?? ''
  const [user = '', key = ''] = Buffer.from(basic, 'base64').toString().split(':')
  if (exchange.body.length > 0) return respond(error(400, 'BAD_REQUEST'))
  const api_key = user === MTN_SANDBOX.api_user ? MTN_SANDBOX.api_key : payments.user(user)?.api_key
  if (key === '' || api_key !== key) return respond({ status: 401, body: { error: 'login_failed' } })
  const access_token = `${randomUUID()}.${randomBytes(24).toString('base64url')}`
  tokens.set(access_token, clock.now() + TOKEN_S * 1_000)
  respond({ status: 200, body: { access_token, token_type: 'access_token', expires_in: TOKEN_S } })
}

/** Whether the call brings a token that is still good. */
export function isIn({ tokens, clock }: MtnWorld, { headers }: Exchange): boolean {
  const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? ''
  return (tokens.get(token) ?? 0) > clock.now()
}
