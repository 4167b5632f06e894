import type { FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'
import { callerAddress } from './caller-address.ts'
import { sessionCookieOf } from './session-cookie.ts'

/** What a request says about who calls, before anything of it is believed. One of the first three at most. */
export type Credentials = {
  /** The Authorization header: it wins over everything else. */
  readonly authorization?: string
  /** `?ticket=` of an event stream; '' where there are several, or where it opens nothing. It wins over the cookie. */
  readonly ticket?: string
  /** What the session cookie holds. */
  readonly cookie?: string
  /** The Cauri-Organization header: for which of his organisations a member acts. */
  readonly organization?: string
  /** Where the call comes from, believed: an API key may be bound to it. */
  readonly address: string
}

export function credentialsOf(
  request: FastifyRequest,
  config: Pick<Config, 'CAURI_MODE' | 'TRUSTED_PROXIES'>,
): Credentials {
  const { authorization, 'cauri-organization': named } = request.headers
  const address = callerAddress(request, config.TRUSTED_PROXIES)
  const said = typeof named === 'string' ? { organization: named, address } : { address }
  if (authorization !== undefined) return { authorization, ...said }
  const ticket = ticketOf(request)
  if (ticket !== undefined) return { ticket, address }
  const cookie = sessionCookieOf(request, config)
  return cookie === undefined ? said : { cookie, ...said }
}

/** A ticket stands in an address, which is kept in histories and logs: it opens event streams and nothing else. */
function ticketOf({ query, method, routeOptions }: FastifyRequest): string | undefined {
  const { ticket } = query as { readonly ticket?: unknown }
  if (ticket === undefined) return undefined
  const opens = method === 'GET' && routeOptions.config?.declared?.endless === true
  return opens && typeof ticket === 'string' ? ticket : ''
}
