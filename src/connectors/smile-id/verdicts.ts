import type { CheckReason, CheckVerdict } from '../identity-check.ts'

type Meaning = readonly [outcome: CheckVerdict['outcome'], reason: CheckReason]

/** Said by nobody that we know of: people look, and nothing is concluded. */
const UNHEARD: Meaning = ['REVIEW', 'OTHER']

const image: Readonly<Record<string, Meaning>> = {
  '0001': ['RESUBMIT', 'IMAGE_UNUSABLE'],
  '0908': ['ERROR', 'SERVICE_DOWN'],
  '0911': ['RESUBMIT', 'IMAGE_UNUSABLE'],
  '0912': ['RESUBMIT', 'IMAGE_UNUSABLE'],
  '0921': ['RESUBMIT', 'IMAGE_UNUSABLE'],
  '0922': ['RESUBMIT', 'IMAGE_UNUSABLE'],
}
/** What people at the provider concluded after its machines. */
const human: Readonly<Record<string, Meaning>> = {
  '1210': ['CLEAR', 'VERIFIED'],
  '1211': ['REFUSED', 'FACE_DIFFERENT'],
  '1212': ['REFUSED', 'IDENTITY_HIGH_RISK'],
  '1213': ['REVIEW', 'FACE_SPOOFED'],
  '1214': ['REFUSED', 'DOCUMENT_NOT_GENUINE'],
}
const document: Readonly<Record<string, Meaning>> = {
  ...image,
  ...human,
  '0810': ['CLEAR', 'VERIFIED'],
  '0811': ['REFUSED', 'DOCUMENT_NOT_GENUINE'],
  '0812': ['RESUBMIT', 'DOCUMENT_UNREADABLE'],
  '0813': ['REFUSED', 'FACE_SPOOFED'],
  '0814': ['REVIEW', 'FACE_SPOOFED'],
  '0815': ['REVIEW', 'FACE_DIFFERENT'],
  '0816': ['RESUBMIT', 'DOCUMENT_UNSUPPORTED'],
  '0817': ['REVIEW', 'DOCUMENT_EXPIRED'],
}
const lookup: Readonly<Record<string, Meaning>> = {
  ...image,
  '1012': ['CLEAR', 'VERIFIED'],
  '1013': ['REFUSED', 'IDENTITY_NOT_FOUND'],
  '1014': ['RESUBMIT', 'OTHER'],
  '1015': ['ERROR', 'SERVICE_DOWN'],
  '1016': ['ERROR', 'OTHER'],
  '1020': ['CLEAR', 'VERIFIED'],
  '1021': ['REVIEW', 'OTHER'],
  '1022': ['REFUSED', 'OTHER'],
  '1023': ['REFUSED', 'IDENTITY_NOT_FOUND'],
}

/** V1, by job type: the same code means one thing for a face and another for a document. */
export const byJobType: Readonly<Record<number, Readonly<Record<string, Meaning>>>> = {
  1: {
    ...lookup,
    ...human,
    '0810': ['CLEAR', 'VERIFIED'],
    '0811': ['REFUSED', 'FACE_DIFFERENT'],
    '0812': ['REVIEW', 'FACE_DIFFERENT'],
    '0813': ['REFUSED', 'FACE_SPOOFED'],
    '0814': ['REVIEW', 'FACE_SPOOFED'],
    '0815': ['REVIEW', 'FACE_DIFFERENT'],
  },
  2: {
    ...image,
    '0820': ['CLEAR', 'VERIFIED'],
    '0821': ['REFUSED', 'FACE_DIFFERENT'],
    '0822': ['REVIEW', 'FACE_DIFFERENT'],
    '0823': ['REFUSED', 'FACE_SPOOFED'],
    '0824': ['REVIEW', 'FACE_SPOOFED'],
    '0825': ['REVIEW', 'FACE_DIFFERENT'],
    '1220': ['CLEAR', 'VERIFIED'],
    '1221': ['REFUSED', 'FACE_DIFFERENT'],
    '1222': ['REFUSED', 'IDENTITY_HIGH_RISK'],
  },
  5: lookup,
  6: document,
  11: { ...lookup, ...document },
}

/** Codes that the provider calls provisional for the job type, whatever stands beside them. */
const PROVISIONAL: Readonly<Record<number, readonly string[]>> = {
  1: ['0812', '0814', '0815'],
  2: ['0822', '0824', '0825'],
  6: ['0814', '0815'],
  11: ['0814', '0815'],
}

export const meaningOf = (job_type: number, code: string): Meaning =>
  own(byJobType[job_type], code) ?? UNHEARD

export const isProvisional = (job_type: number, code: string): boolean =>
  PROVISIONAL[job_type]?.includes(code) ?? false

/** V3, by status and then by reason. The empty reason is the status alone, which is all that its status call promises. */
export const byStatus: Readonly<Record<string, Readonly<Record<string, Meaning>>>> = {
  clear: { '': ['CLEAR', 'VERIFIED'] },
  attention: {
    '': UNHEARD,
    document_copy_detected: ['REVIEW', 'DOCUMENT_COPY'],
    document_expired: ['REVIEW', 'DOCUMENT_EXPIRED'],
    age_requirement_not_met: ['REVIEW', 'UNDERAGE'],
    medium_risk: ['REVIEW', 'IDENTITY_HIGH_RISK'],
  },
  block: {
    '': ['REFUSED', 'OTHER'],
    high_risk: ['REFUSED', 'IDENTITY_HIGH_RISK'],
    account_locked: ['REFUSED', 'IDENTITY_HIGH_RISK'],
    account_locked_fraud: ['REFUSED', 'IDENTITY_HIGH_RISK'],
    face_verification_failed: ['REFUSED', 'FACE_DIFFERENT'],
    spoof_detected: ['REFUSED', 'FACE_SPOOFED'],
    document_check_failed: ['REFUSED', 'DOCUMENT_NOT_GENUINE'],
    unsupported_document: ['RESUBMIT', 'DOCUMENT_UNSUPPORTED'],
    age_requirement_not_met: ['REFUSED', 'UNDERAGE'],
    identifier_not_found: ['REFUSED', 'IDENTITY_NOT_FOUND'],
  },
  error: {
    '': ['ERROR', 'OTHER'],
    service_unavailable: ['ERROR', 'SERVICE_DOWN'],
    internal_error: ['ERROR', 'SERVICE_DOWN'],
    image_unavailable_or_invalid: ['RESUBMIT', 'IMAGE_UNUSABLE'],
    content_policy_violated: ['RESUBMIT', 'IMAGE_UNUSABLE'],
    document_unclassifiable: ['RESUBMIT', 'DOCUMENT_UNREADABLE'],
    invalid_id_number: ['RESUBMIT', 'DOCUMENT_UNREADABLE'],
  },
}

/**
 * The reason that a documented message stands for, where the answer names none. Only messages that say one thing are here; they
 * refine a status and never turn one into another.
 */
const byMessage: readonly (readonly [status: string, message: RegExp, reason: string])[] = [
  ['block', /not found\.?$/i, 'identifier_not_found'],
  ['block', /above 18\.?$/i, 'age_requirement_not_met'],
  ['error', /external service unavailable\.?$/i, 'service_unavailable'],
  ['error', /could not be completed at this time\.?$/i, 'internal_error'],
  ['error', /image\(s\) are unusable\.?$/i, 'image_unavailable_or_invalid'],
  ['error', /document could not be classified\.?$/i, 'document_unclassifiable'],
  ['error', /invalid id number\.?$/i, 'invalid_id_number'],
]

export function meaningOfStatus(status: string, reason: string | undefined, message: string): Meaning {
  const reasons = own(byStatus, status)
  if (reasons === undefined) return UNHEARD
  const told = reason ?? byMessage.find(([of, text]) => of === status && text.test(message))?.[2] ?? ''
  return own(reasons, told) ?? reasons[''] ?? UNHEARD
}

/** A code of the provider's may be called `constructor`. */
const own = <T>(table: Readonly<Record<string, T>> | undefined, key: string): T | undefined =>
  table !== undefined && Object.hasOwn(table, key) ? table[key] : undefined
