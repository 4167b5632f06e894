import type { FastifyRequest } from 'fastify'

/**
 * The console's cookie. Browsers take a `__Host-` name only with Secure, from this very host, for all paths (RFC 6265bis §4.1.3):
 * no neighbour can set it. Over plain HTTP they would drop it, so the sandbox's own machine has another name.
 */
export const SECURE = '__Host-cauri'
export const PLAIN = 'cauri'

/** The values that a Cookie header has for a name: all of them, for a parser that keeps one would hide that there are two. */
export const valuesOf = (header: string | undefined, name: string): readonly string[] =>
  (header ?? '').split(';').flatMap((pair) => {
    const at = pair.indexOf('=')
    return at > 0 && pair.slice(0, at).trim() === name ? [pair.slice(at + 1).trim()] : []
  })

/** Whether a request carries the cookie under either name: it then has credentials, good or bad. */
export const hasSessionCookie = ({ headers }: Pick<FastifyRequest, 'headers'>): boolean =>
  valuesOf(headers.cookie, SECURE).length > 0 || valuesOf(headers.cookie, PLAIN).length > 0
