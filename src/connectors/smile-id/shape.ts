import type { OutboundAnswer } from '../../platform/outbound.ts'
import { MOST_CALLBACK_BYTES } from '../identity-check.ts'
import type { CheckState, Submitted } from '../identity-check.ts'

export type Json = Readonly<Record<string, unknown>>

/** An answer to anything but a question about a result is small. */
export const MOST_BYTES = 65_536
/** A result may hold a picture of the document. */
export const MOST_RESULT_BYTES = 2_097_152

/** A JSON object, or undefined for anything else. */
export function parseObject(body: Buffer | string): Json | undefined {
  try {
    return asObject(JSON.parse(body.toString()))
  } catch {
    return undefined // a page of some gateway in between, or half an answer
  }
}

export const asObject = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value)
    ? (value as Json)
    : undefined

/** An identifier fit to be stored and shown: short, printable, without spaces. */
export const asId = (value: unknown): string | undefined =>
  typeof value === 'string' && /^[\x21-\x7e]{1,128}$/.test(value) ? value : undefined

/** A code or a word of the provider's: never a sentence, which may repeat what we sent. */
export const asCode = (value: unknown): string | undefined =>
  typeof value === 'string' && /^[A-Za-z0-9_]{1,40}$/.test(value) ? value : undefined

export const unknown = (because: string): { readonly kind: 'unknown'; readonly because: string } => ({
  kind: 'unknown',
  because,
})
export const unsent = (because: string): Submitted => ({ kind: 'unsent', because })

type NoAnswer = Exclude<OutboundAnswer, { kind: 'answer' }>
/** What never became an answer. The network's words name the provider's machine at most, never the person. */
export const notSubmitted = ({ kind, because }: NoAnswer): Submitted =>
  kind === 'unsent' ? unsent(`no connection: ${because}`) : unknown(`no complete answer: ${because}`)
export const notAsked = ({ because }: NoAnswer): CheckState => unknown(`no complete answer: ${because}`)

/**
 * What an answer other than success says about a job that was handed over. Only JSON of the provider's shape is its word: a gateway
 * in between answers 403 too, and then nobody knows what became of the job.
 */
export function readRefusal(status: number, body: Buffer): Submitted {
  const root = parseObject(body)
  const is_its_own = root !== undefined && ['error', 'message', 'code'].some((name) => name in root)
  if (!is_its_own) return unknown(`an answer that cannot be read (${status})`)
  const code = asCode(root['code']) ?? `HTTP_${status}`
  switch (status) {
    case 400: // a field that they do not take: our request
    case 401: // credentials
    case 402: // no money left in the wallet
    case 403: // product, address or callback not allowed for us
    case 415:
      return { kind: 'refused', code, ours: true }
    case 413: // images too large
      return { kind: 'refused', code, ours: false }
    case 429:
      return unsent('too fast')
    default:
      return unknown(`answered ${status}`)
  }
}

/** The object in a callback: given as one, or as the bytes that hold it. */
export function objectOf(body: unknown): Json | undefined {
  if (typeof body !== 'string' && !Buffer.isBuffer(body)) return asObject(body)
  return body.length > MOST_CALLBACK_BYTES ? undefined : parseObject(body)
}
