import type { OutboundAnswer } from '../../platform/outbound.ts'
import type { SmsAnswer } from '../sms.ts'

export type Json = Readonly<Record<string, unknown>>

/** An answer longer than this is not read to its end. */
export const MOST_BYTES = 65_536

/** A JSON object, or undefined for anything else. */
export function parseObject(body: Buffer): Json | undefined {
  try {
    return asObject(JSON.parse(body.toString('utf8')))
  } catch {
    return undefined // a page of some gateway in between
  }
}

export const asObject = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined

/** An identifier fit to be stored and shown: short, printable, without spaces. */
export const asId = (value: unknown): string | undefined =>
  typeof value === 'string' && /^[\x21-\x7e]{1,128}$/.test(value) ? value : undefined

export const unsent = (because: string, about_us = false): SmsAnswer => ({
  kind: 'unsent',
  because,
  about_us,
})
export const refused = (because: string): SmsAnswer => ({ kind: 'refused', because })
export const unknown = (because: string): SmsAnswer => ({ kind: 'unknown', because })

/** What never became an answer. The network's words name the provider's machine at most, never the person. */
export const withoutAnswer = (outcome: Exclude<OutboundAnswer, { kind: 'answer' }>): SmsAnswer =>
  outcome.kind === 'unsent'
    ? unsent(`no connection: ${outcome.because}`)
    : unknown(`no complete answer: ${outcome.because}`)
