import { createHmac, timingSafeEqual } from 'node:crypto'

export type Credentials = { readonly partner_id: string; readonly api_key: string }

/**
 * base64(HMAC-SHA256(api key, timestamp ‖ partner ‖ "sid_request")), as smile-identity-core 3.2 makes it. It covers the
 * timestamp and nothing of the body: who saw one pair can put it beside any body.
 */
export const signatureOf = ({ partner_id, api_key }: Credentials, timestamp: string): string =>
  createHmac('sha256', api_key).update(`${timestamp}${partner_id}sid_request`).digest('base64')

export const signedNow = (
  credentials: Credentials,
): { readonly timestamp: string; readonly signature: string } => {
  const timestamp = new Date().toISOString()
  return { timestamp, signature: signatureOf(credentials, timestamp) }
}

/** The signature is compared as bytes: their coding in base64 is not unique. */
export function isSigned(credentials: Credentials, timestamp: unknown, signature: unknown): boolean {
  if (typeof timestamp !== 'string' || typeof signature !== 'string' || timeOf(timestamp) === undefined)
    return false
  const expected = Buffer.from(signatureOf(credentials, timestamp), 'base64')
  const given = Buffer.from(signature, 'base64')
  return given.length === expected.length && timingSafeEqual(given, expected)
}

/** How old, or how far ahead, the time of a callback may be. The provider states no limit; this one is ours. */
const MOST_AGE_MS = 300_000

export function isFresh(timestamp: string, now: Date): boolean {
  const at = timeOf(timestamp)
  return at !== undefined && Math.abs(now.getTime() - at) <= MOST_AGE_MS
}

/** Only a whole time of ISO 8601 with its zone: Date.parse alone takes far more. */
function timeOf(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(text)) return undefined
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : at
}
