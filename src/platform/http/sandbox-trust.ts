import type { FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'
import { hasSessionCookie } from './cookie-header.ts'

const LOOPBACK_PEER = /^(::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$|^::1$/
const LOOPBACK_NAME = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/
/** Sent by a reverse proxy: the peer is then the proxy, and its address says nothing about the caller. */
const PROXIED = /^(forwarded|x-forwarded-.*|x-real-ip|via)$/
const TRUSTED_ROUTE = /^\/api\/(bulk-transfers|accounts)(\/|$)|^\/api\/transfers\//

/** The name in a Host header, without its port, in lower case; '' when it is malformed. */
export const hostName = (header: string | undefined): string =>
  /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?$/.exec((header ?? '').toLowerCase())?.[1] ?? ''

/** The peer is this machine, by a loopback name, and no proxy stands between. */
export function isDirectLoopback(request: Pick<FastifyRequest, 'headers' | 'socket'>): boolean {
  const { headers, socket } = request
  return (
    LOOPBACK_PEER.test(socket.remoteAddress ?? '') &&
    LOOPBACK_NAME.test(hostName(headers.host)) &&
    !Object.keys(headers).some((name) => PROXIED.test(name))
  )
}

/** A page of this machine, as browsers name it in Origin. */
export const isLoopbackOrigin = (origin: string): boolean =>
  /^http:\/\/(localhost|127\.0\.0\.1)(:\d{1,5})?$/.test(origin)

/**
 * Whether an unauthenticated call acts as the demo organisation. Only in sandbox with CAURI_SANDBOX_TRUST=on, only
 * from this machine by a loopback name (a name that a page could rebind is refused), never behind a proxy, never
 * from a page of another site (a form post needs no CORS), never with credentials, and only on the open
 * paths, judged by the matched route and not by the text of the URL.
 */
export function isTrustedSandboxCall(
  request: Pick<FastifyRequest, 'headers' | 'socket' | 'routeOptions'>,
  config: Pick<Config, 'CAURI_MODE' | 'CAURI_SANDBOX_TRUST'>,
): boolean {
  const { authorization, origin } = request.headers
  return (
    config.CAURI_MODE === 'sandbox' &&
    config.CAURI_SANDBOX_TRUST === 'on' &&
    authorization === undefined &&
    !hasSessionCookie(request) &&
    (origin === undefined || isLoopbackOrigin(origin)) &&
    isDirectLoopback(request) &&
    TRUSTED_ROUTE.test(request.routeOptions.url ?? '')
  )
}
