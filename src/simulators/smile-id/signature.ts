import { createHmac, timingSafeEqual } from 'node:crypto'

/** Every client of the sandbox has these. */
export const PARTNER_ID = '1234'
export const API_KEY = 'sandbox'

/** Smile ID signs the time and the partner, and nothing else. */
export const sign = (timestamp: string, key = API_KEY): string =>
  createHmac('sha256', key)
    .update(timestamp, 'utf8')
    .update(PARTNER_ID, 'utf8')
    .update('sid_request', 'utf8')
    .digest('base64')

export const stampAt = (at_ms: number, key = API_KEY): { timestamp: string; signature: string } => {
  const timestamp = new Date(at_ms).toISOString()
  return { timestamp, signature: sign(timestamp, key) }
}

/** Whether a client signed: its partner id must be the one here, and its time a time. */
export function isSignedByClient(body: {
  readonly [name: string]: unknown
  readonly partner: unknown
}): boolean {
  const { timestamp, signature, partner } = body
  if (partner !== PARTNER_ID || typeof timestamp !== 'string' || typeof signature !== 'string') return false
  if (Number.isNaN(Date.parse(timestamp))) return false
  const expected = Buffer.from(sign(timestamp))
  const given = Buffer.from(signature)
  return given.length === expected.length && timingSafeEqual(given, expected)
}
