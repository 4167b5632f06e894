import type { RefusalReason } from '../rail.ts'

/** What a reason of MTN means for one payout: it refuses the order, it is about us, or it says nothing about the money. */
export type Meaning =
  | { readonly act: 'refuse'; readonly reason: RefusalReason; readonly retryable: boolean }
  | { readonly act: 'stop'; readonly because: string }
  | { readonly act: 'unsure' }

const refuse = (reason: RefusalReason, retryable = false): Meaning => ({ act: 'refuse', reason, retryable })
const stop = (because: string): Meaning => ({ act: 'stop', because })

/**
 * Every reason that MTN documents for the Open API (enum ErrorReason), and two that are seen in its answers without being in it. In a
 * payout we are the payer.
 */
export const meanings: Readonly<Record<string, Meaning>> = {
  PAYEE_NOT_FOUND: refuse('PAYEE_NOT_FOUND'),
  PAYER_NOT_FOUND: stop('MTN does not know us as a payer (PAYER_NOT_FOUND)'),
  NOT_ALLOWED: stop('MTN does not let us pay (NOT_ALLOWED)'),
  NOT_ALLOWED_TARGET_ENVIRONMENT: stop('the target environment is not ours (NOT_ALLOWED_TARGET_ENVIRONMENT)'),
  INVALID_CALLBACK_URL_HOST: stop(
    'the callback’s host is not the one that MTN knows (INVALID_CALLBACK_URL_HOST)',
  ),
  INVALID_CURRENCY: stop('MTN does not pay in this currency here (INVALID_CURRENCY)'),
  SERVICE_UNAVAILABLE: refuse('RAIL_BUSY', true),
  INTERNAL_PROCESSING_ERROR: refuse('RAIL_ERROR', true),
  NOT_ENOUGH_FUNDS: stop('our disbursement wallet is empty (NOT_ENOUGH_FUNDS)'),
  PAYER_LIMIT_REACHED: stop('our own limit at MTN is reached (PAYER_LIMIT_REACHED)'),
  PAYEE_NOT_ALLOWED_TO_RECEIVE: refuse('PAYEE_BLOCKED'),
  PAYMENT_NOT_APPROVED: refuse('PAYEE_REJECTED'),
  RESOURCE_NOT_FOUND: refuse('RAIL_ERROR'),
  APPROVAL_REJECTED: refuse('PAYEE_REJECTED'),
  EXPIRED: refuse('EXPIRED', true),
  TRANSACTION_CANCELED: refuse('PAYEE_REJECTED'),
  // Of another call with our reference: what became of that one must be asked.
  RESOURCE_ALREADY_EXIST: { act: 'unsure' },
  COULD_NOT_PERFORM_TRANSACTION: refuse('EXPIRED', true),
  LOW_BALANCE_OR_PAYEE_LIMIT_REACHED_OR_NOT_ALLOWED: refuse('PAYEE_LIMIT'),
}

/** What a FAILED payment means. A reason that nobody has documented refuses it all the same: FAILED is final. */
export const meaningOfFailure = (code: string | undefined): Meaning =>
  (code === undefined ? undefined : meanings[code]) ?? refuse('RAIL_ERROR')
