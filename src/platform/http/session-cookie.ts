import type { FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'
import { PLAIN, SECURE, valuesOf } from './cookie-header.ts'
import { isDirectLoopback } from './sandbox-trust.ts'

type Call = Pick<FastifyRequest, 'headers' | 'socket'>
type Mode = Pick<Config, 'CAURI_MODE'>

const isPlain = (request: Call, { CAURI_MODE }: Mode): boolean =>
  CAURI_MODE === 'sandbox' && isDirectLoopback(request)

/** What the session cookie holds; '' when there are several, which is none that we gave; undefined without one. */
export function sessionCookieOf(request: Call, mode: Mode): string | undefined {
  const values = valuesOf(request.headers.cookie, isPlain(request, mode) ? PLAIN : SECURE)
  return values.length > 1 ? '' : values[0]
}

/** The Set-Cookie header: out of reach of scripts, never sent along from another site. An age of 0 takes it away. */
export function sessionCookie(
  request: Call,
  mode: Mode,
  { value, age_s }: { readonly value: string; readonly age_s: number },
): string {
  const plain = isPlain(request, mode)
  const name = plain ? PLAIN : SECURE
  return `${name}=${value}; Path=/; HttpOnly;${plain ? '' : ' Secure;'} SameSite=Strict; Max-Age=${age_s}`
}
