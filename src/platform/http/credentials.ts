import type { FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'
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
}

export function credentialsOf(request: FastifyRequest, config: Pick<Config, 'CAURI_MODE'>): Credentials {
  const { authorization, 'cauri-organization': named } = request.headers
  const organization = typeof named === 'string' ? { organization: named } : {}
  if (authorization !== undefined) return { authorization, ...organization }
  const ticket = ticketOf(request)
  if (ticket !== undefined) return { ticket }
  const cookie = sessionCookieOf(request, config)
  return cookie === undefined ? organization : { cookie, ...organization }
}

/** A ticket stands in an address, which is kept in histories and logs: it opens event streams and nothing else. */
function ticketOf({ query, method, routeOptions }: FastifyRequest): string | undefined {
  const { ticket } = query as { readonly ticket?: unknown }
  if (ticket === undefined) return undefined
  const opens = method === 'GET' && routeOptions.config?.declared?.endless === true
  return opens && typeof ticket === 'string' ? ticket : ''
}
