/** How MTN's sandbox ends a payment: at once, later, never, or by refusing the call itself. */
export type Ending =
  | { readonly kind: 'paid'; readonly after_ms: number }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'never' }
  | { readonly kind: 'refused'; readonly status: number; readonly code: string }

const failed = (reason: string): Ending => ({ kind: 'failed', reason })
const refused = (code: string, status = 500): Ending => ({ kind: 'refused', status, code })

/** The last two digits of MTN's own test numbers, 46733123450 to …464, as they end a payout. */
const endings: Readonly<Record<string, Ending>> = {
  '50': failed('INTERNAL_PROCESSING_ERROR'),
  '51': failed('APPROVAL_REJECTED'),
  '52': failed('EXPIRED'),
  '53': { kind: 'never' },
  '54': { kind: 'paid', after_ms: 30_000 },
  '55': failed('PAYEE_NOT_FOUND'),
  '56': failed('PAYEE_NOT_ALLOWED_TO_RECEIVE'),
  '57': refused('NOT_ALLOWED'),
  '58': refused('NOT_ALLOWED_TARGET_ENVIRONMENT'),
  '59': refused('INVALID_CALLBACK_URL_HOST'),
  '60': refused('INVALID_CURRENCY'),
  '61': refused('INTERNAL_PROCESSING_ERROR'),
  '62': refused('SERVICE_UNAVAILABLE', 503),
  '63': failed('COULD_NOT_PERFORM_TRANSACTION'),
  '64': failed('TRANSFERTYPE_UNKNOWN'),
}

/** MTN's own test numbers (Sweden), and the same endings for numbers of Cameroon. */
const MAGIC = /^(?:467331234|2376700000)(\d\d)$/

export const endingOf = (msisdn: string): Ending =>
  endings[MAGIC.exec(msisdn)?.[1] ?? ''] ?? { kind: 'paid', after_ms: 0 }
