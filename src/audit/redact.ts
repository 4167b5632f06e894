/** What a before, an after or a detail may hold: plain JSON. */
export type Json =
  string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json | undefined }

const REDACTED = '[redacted]'
/** Wherever they stand in a name. */
const SECRET = /password|passwd|passphrase|secret|token|credential|authorization|cookie/
/** As a word of a name: within others these letters mean nothing (`shipping`, `footprint`). */
const SECRET_WORDS = new Set(['pin', 'otp', 'totp', 'cvv', 'jwt', 'code'])
/** `…_code` is taken for a secret unless it is one of these: a new kind of code must not leak by its name. */
const OPEN_CODES = new Set([
  'error',
  'result',
  'status',
  'reason',
  'refusal',
  'country',
  'currency',
  'language',
])
const KEYS = new Set(['api', 'private', 'secret', 'signing', 'encryption', 'access'])

/** Whether a member of this name holds what nobody may read: `password`, `newPin`, `sms_code`, `api_key` … */
export function isSecretName(name: string): boolean {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .map((word) => word.replace(/(?<=[a-rtv-z])s$/, ''))
  if (SECRET.test(words.join('_'))) return true
  return words.some((word, i) => {
    const before = words[i - 1] ?? ''
    if (word === 'code') return !OPEN_CODES.has(before)
    return SECRET_WORDS.has(word) || (word === 'key' && KEYS.has(before))
  })
}

/**
 * A copy without secrets, at any depth, that PostgreSQL can store as jsonb (which knows neither U+0000 nor halves of
 * characters). That a secret was there, or that there was none (null, true, false), is still seen.
 */
export function redact(value: Json): Json {
  if (typeof value === 'string') return storable(value)
  if (typeof value !== 'object' || value === null) return value
  if (isList(value)) return value.map(redact)
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) => {
      if (inner === undefined) return []
      const kept =
        isSecretName(name) && inner !== null && typeof inner !== 'boolean' ? REDACTED : redact(inner)
      return [[storable(name), kept]]
    }),
  )
}

const isList = (value: object): value is readonly Json[] => Array.isArray(value)

const storable = (text: string): string => text.replaceAll('\u0000', '').toWellFormed()
