import type { FastifyRequest } from 'fastify'
import { Refusal } from '../errors.ts'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * A browser sends its cookie along whoever made it ask. What changes something must say that it comes from a page of ours: by
 * Origin, which every browser sends with such a request, or, where a browser leaves it out, by Sec-Fetch-Site. `null`, another
 * port and another scheme are other sites. Refuses CROSS_SITE.
 */
export function assertOwnSite(
  { method, headers }: Pick<FastifyRequest, 'method' | 'headers'>,
  own_origins: readonly string[],
): void {
  if (SAFE.has(method)) return
  const { origin, 'sec-fetch-site': site } = headers
  const is_ours =
    origin === undefined
      ? site === 'same-origin'
      : own_origins.includes(origin) && (site === undefined || site === 'same-origin')
  if (!is_ours) throw new Refusal('CROSS_SITE')
}

/** What somebody signs in with is in the request itself; only a page of another site is refused. Refuses CROSS_SITE. */
export function refuseOtherSites(
  request: Pick<FastifyRequest, 'method' | 'headers'>,
  own_origins: readonly string[],
): void {
  if (request.headers.origin !== undefined) assertOwnSite(request, own_origins)
}
