import { CommitUnknown, sqlState } from '../db.ts'
import { Refusal, refusals, type Fault, type RefusalCode } from '../errors.ts'
import type { Language } from './language.ts'
import { InvalidInput, faultsOf } from './validation.ts'

/** A problem document (RFC 9457): `application/problem+json`. Extension members stand beside these. */
export type Problem = {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail?: string
  readonly code: RefusalCode
  readonly errors?: readonly Fault[]
  readonly request_id: string
  readonly [member: string]: unknown
}

/** Set by the tests' setup: a handler that gives a refusal or a status that its route did not declare is a bug. */
export const strictMode = { on: false }

/** Refusals that the edge itself may give on any route. */
export const edgeRefusals = [
  'BAD_REQUEST',
  'VALIDATION_FAILED',
  'HOST_NOT_ALLOWED',
  'REQUEST_TOO_SLOW',
  'TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'TOO_MANY_REQUESTS',
  'INTERNAL',
  'OUTCOME_UNKNOWN',
  'UNAVAILABLE',
] as const satisfies readonly RefusalCode[]

export const idempotencyRefusals = [
  'IDEMPOTENCY_KEY_INVALID',
  'IDEMPOTENCY_KEY_REUSED',
  'IDEMPOTENCY_IN_PROGRESS',
] as const satisfies readonly RefusalCode[]

export type ProblemOptions = {
  readonly language: Language
  readonly request_id: string
  /** PUBLIC_URL; without it `type` is a relative reference. */
  readonly public_url?: string | undefined
}

/** The document of a refusal, in the caller's language. */
export function problemOf(refusal: Refusal, { language, request_id, public_url }: ProblemOptions): Problem {
  const { code, more } = refusal
  const entry = refusals[code]
  return {
    ...more.members,
    type: `${(public_url ?? '').replace(/\/$/, '')}/docs/errors#${code}`,
    title: entry[language],
    status: entry.status,
    ...(more.detail === undefined ? {} : { detail: more.detail[language] }),
    code,
    ...(more.errors === undefined ? {} : { errors: more.errors }),
    request_id,
  }
}

/** What went wrong, as a refusal; `bug` when nobody foresaw it and someone must look. */
export type Trouble = { readonly refusal: Refusal; readonly bug: boolean }

/** The one place that reads an unknown error for a caller. What is not foreseen is INTERNAL, and says nothing. */
export function troubleOf(error: unknown, language: Language): Trouble {
  if (error instanceof Refusal) return { refusal: error, bug: false }
  if (error instanceof InvalidInput)
    return { refusal: new Refusal('VALIDATION_FAILED', { errors: faultsOf(error, language) }), bug: false }
  if (error instanceof CommitUnknown)
    return { refusal: new Refusal('OUTCOME_UNKNOWN', { retry_after_s: 1 }), bug: false }
  if (isDatabaseBusy(error)) return { refusal: new Refusal('UNAVAILABLE', { retry_after_s: 2 }), bug: false }
  const refusal = frameworkRefusal(error)
  return refusal === undefined ? { refusal: new Refusal('INTERNAL'), bug: true } : { refusal, bug: false }
}

/**
 * The database refuses, is going away or is too slow; nothing was committed. Classes 08, 53, 57P and 57014
 * (statement_timeout), 55P03 (lock_timeout), 40001 and 40P01 after the retries (PostgreSQL, appendix A), and the
 * messages that pg and pg-pool give without a code.
 */
function isDatabaseBusy(error: unknown): boolean {
  if (/^(08...|53...|57P0.|57014|55P03|40001|40P01|25P03)$/.test(sqlState(error))) return true
  if (!(error instanceof Error)) return false
  return /^(timeout exceeded when trying to connect|Query read timeout|Connection terminated|Client has encountered a connection error|(connect|read|write) (ECONNREFUSED|ECONNRESET|EPIPE)|Cannot use a pool after calling end)/.test(
    error.message,
  )
}

/** Fastify's and its plugins' own errors carry a status and a code that starts with FST_. */
function frameworkRefusal(error: unknown): Refusal | undefined {
  if (!(error instanceof Error) || !('statusCode' in error) || typeof error.statusCode !== 'number')
    return undefined
  const code = codeOfStatus(error.statusCode)
  if (code === undefined) return undefined
  const known = 'code' in error && typeof error.code === 'string' ? details[error.code] : undefined
  return new Refusal(code, known === undefined ? {} : { detail: known })
}

function codeOfStatus(status: number): RefusalCode | undefined {
  if (status === 404) return 'NOT_FOUND'
  if (status === 408) return 'REQUEST_TOO_SLOW'
  if (status === 413) return 'TOO_LARGE'
  if (status === 406 || status === 415) return 'UNSUPPORTED_MEDIA_TYPE'
  if (status === 429) return 'TOO_MANY_REQUESTS'
  if (status === 503) return 'UNAVAILABLE'
  return status >= 400 && status < 500 ? 'BAD_REQUEST' : undefined
}

const details: Readonly<Record<string, { readonly en: string; readonly fr: string }>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    en: 'Send application/json (or multipart/form-data where a file is expected)',
    fr: 'Envoyez application/json (ou multipart/form-data quand un fichier est attendu)',
  },
  FST_INVALID_MULTIPART_CONTENT_TYPE: {
    en: 'Send the form as multipart/form-data',
    fr: 'Envoyez le formulaire en multipart/form-data',
  },
  FST_ERR_CTP_INVALID_JSON_BODY: { en: 'The body is not JSON', fr: 'Le corps n’est pas du JSON' },
}

/** The documents as text, with the header that goes with them. */
export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'
