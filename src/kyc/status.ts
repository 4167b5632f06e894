import type { KycStatus } from '../identity/index.ts'

/**
 * What can happen to a person's status. COMPLETE: all documents are there and the provider is asked. HAND_OVER: the same, for
 * people to look. CLEAR, REFUSED, RESUBMIT, REVIEW: the provider's final verdict. APPROVE, REJECT: an administrator. EXPIRE: time.
 */
export const kycEvents = [
  'COMPLETE',
  'HAND_OVER',
  'CLEAR',
  'REFUSED',
  'RESUBMIT',
  'REVIEW',
  'APPROVE',
  'REJECT',
  'EXPIRE',
] as const
export type KycEvent = (typeof kycEvents)[number]

const people = { APPROVE: 'VERIFIED', REJECT: 'REJECTED' } as const
const complete = { COMPLETE: 'SUBMITTED', HAND_OVER: 'UNDER_REVIEW' } as const

/**
 * The one table. What is not in it changes nothing: a verdict about a file that people have decided meanwhile does not undo their
 * decision. Two rows are worth a word. VERIFIED stays VERIFIED while a renewal is checked, and falls only to a refusal: one
 * approval does not stand against the provider, so people look again. EXPIRED still hears the verdict of a renewal that was under way.
 */
export const kycTransitions: Readonly<Record<KycStatus, Readonly<Partial<Record<KycEvent, KycStatus>>>>> = {
  PENDING: { ...complete, ...people },
  SUBMITTED: {
    ...people,
    CLEAR: 'VERIFIED',
    REFUSED: 'REJECTED',
    RESUBMIT: 'PENDING',
    REVIEW: 'UNDER_REVIEW',
  },
  UNDER_REVIEW: { ...people },
  VERIFIED: {
    ...people,
    COMPLETE: 'VERIFIED',
    HAND_OVER: 'VERIFIED',
    CLEAR: 'VERIFIED',
    REFUSED: 'UNDER_REVIEW',
    RESUBMIT: 'VERIFIED',
    REVIEW: 'VERIFIED',
    EXPIRE: 'EXPIRED',
  },
  REJECTED: { ...complete, ...people },
  EXPIRED: {
    ...complete,
    ...people,
    CLEAR: 'VERIFIED',
    REFUSED: 'REJECTED',
    RESUBMIT: 'EXPIRED',
    REVIEW: 'UNDER_REVIEW',
  },
}

/** The status after the event; undefined where it changes nothing. */
export const nextStatus = (status: KycStatus, event: KycEvent): KycStatus | undefined =>
  kycTransitions[status][event]
